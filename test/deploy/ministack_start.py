"""MiniStack, and what it lacks of AWS that our template and our claims need. Nothing of it is edited: handlers are registered and
a few of its functions wrapped before it starts. All of these names are private, so its version is pinned (requirements.txt) and a
name that is gone ends the start.

  types      AWS::CloudWatch::CompositeAlarm, AWS::CloudWatch::Alarm on expressions (stored, never evaluated), AWS::MSK::Topic
  kept       reserved concurrency and VPC of a function, PITR of a table; a table whose name exists is refused, not replaced
  delivery   Scheduler and rules call functions asynchronously, as on AWS: with retries, ages and failure destinations
  AUTH       plain http on this machine counts as TLS, so that policies which demand it can be evaluated

Environment, beside MiniStack's own:
  SECONDS_PER_MINUTE   how long a schedule's minute lasts
  DUPLICATE            every so many-th delivery comes twice
  TOPIC_HOOK           command that is run for each topic: `<command> create|delete '<properties as JSON>'`
"""

import itertools
import json
import os
import shlex
import subprocess
import sys

from ministack.core import iam_evaluator
from ministack.services import cloudwatch, dynamodb, eventbridge, lambda_svc, scheduler
from ministack.services.cloudformation import provisioners

NEEDED = [
    (provisioners, ["_RESOURCE_HANDLERS", "_cw_metric_alarm_record", "_physical_name"]),
    (cloudwatch, ["_put_composite_alarm", "_composite_alarms"]),
    (eventbridge, ["_dispatch_to_lambda", "_parse_rate_seconds"]),
    (scheduler, ["_SCHEDULE_TICK_INTERVAL"]),
    (lambda_svc, ["invoke_async_with_retry", "_get_func_record_for_ref", "_execution_record_for_config", "_functions"]),
    (dynamodb, ["_tables", "_update_continuous_backups"]),
    (iam_evaluator, ["_resolve_condition_key"]),
]


def check_names():
    gone = [f"{module.__name__}.{name}" for module, names in NEEDED for name in names if not hasattr(module, name)]
    if gone:
        sys.exit(f"ministack_start: {', '.join(gone)} is gone; this file goes with the version in requirements.txt")


# ---- resource types


def put_composite(name, props):
    status, _, body = cloudwatch._put_composite_alarm({}, {**props, "AlarmName": name}, False, True)
    if status >= 400:
        raise ValueError(f"CompositeAlarm {name}: {body!r}")
    return name, {"Arn": cloudwatch._composite_alarms[name]["AlarmArn"]}


COMPOSITE_ALARM = {
    "create": lambda logical_id, props, stack: put_composite(
        props.get("AlarmName") or provisioners._physical_name(stack, logical_id, max_len=255), props
    ),
    "update": lambda physical_id, old, new, stack: put_composite(physical_id, new),
    "delete": lambda physical_id, props: cloudwatch._composite_alarms.pop(physical_id, None),
}


def alarm_record(plain):
    """An alarm on an expression is kept as it is; MiniStack's evaluation is not used by anybody."""

    def record(name, props):
        if not props.get("Metrics"):
            return plain(name, props)
        rest = {key: value for key, value in props.items() if key != "Metrics"}
        kept = plain(name, {**rest, "MetricName": "-", "Namespace": "-"})
        for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period"):
            kept.pop(key, None)
        return {**kept, "Metrics": props["Metrics"]}

    return record


topics = {}


def topic_hook(verb, props):
    command = os.environ.get("TOPIC_HOOK")
    if not command:
        return
    ran = subprocess.run([*shlex.split(command), verb, json.dumps(props)], capture_output=True, text=True, timeout=60)
    if ran.returncode:
        raise ValueError(f"AWS::MSK::Topic {verb} {props.get('TopicName')}: {(ran.stdout + ran.stderr).strip()[-500:]}")


def topic_create(logical_id, props, stack):
    for needed in ("ClusterArn", "TopicName", "PartitionCount", "ReplicationFactor"):
        if props.get(needed) in (None, ""):
            raise ValueError(f"AWS::MSK::Topic: {needed} is required")
    arn = props["ClusterArn"].replace(":cluster/", ":topic/") + "/" + props["TopicName"]
    if arn in topics:
        raise ValueError(f"Topic {props['TopicName']} already exists")
    topic_hook("create", props)
    topics[arn] = props
    return arn, {"TopicArn": arn}


def topic_update(physical_id, old, new, stack):
    raise ValueError("AWS::MSK::Topic: changing a topic is not imitated")


def topic_delete(physical_id, props):
    if topics.pop(physical_id, None):
        topic_hook("delete", props)


MSK_TOPIC = {"create": topic_create, "update": topic_update, "delete": topic_delete}


# ---- what the template says and MiniStack drops


def keep_function(name, props):
    function = lambda_svc._functions[name]
    reserved = props.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)
    if props.get("VpcConfig"):
        function["config"]["VpcConfig"] = {**props["VpcConfig"], "VpcId": "vpc-emulated"}
    else:
        function["config"].pop("VpcConfig", None)


def keep_table(name, props):
    backups = props.get("PointInTimeRecoverySpecification") or {}
    enabled = str(backups.get("PointInTimeRecoveryEnabled", False)).lower() == "true"
    specification = {"PointInTimeRecoveryEnabled": enabled}
    dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": specification})


def then(plain, keep, props_at):
    def wrapped(*args, **kwargs):
        result = plain(*args, **kwargs)
        keep(result[0], args[props_at])
        return result

    return wrapped


def refuse_existing(plain):
    def wrapped(logical_id, props, stack):
        name = props.get("TableName")
        if name in dynamodb._tables:
            raise ValueError(f"Resource of type 'AWS::DynamoDB::Table' with identifier '{name}' already exists.")
        return plain(logical_id, props, stack)

    return wrapped


# ---- delivery

deliveries = itertools.count(1)


def deliver(arn, payload):
    try:
        event = json.loads(payload)
    except (ValueError, TypeError):
        event = {"body": payload}
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        eventbridge.logger.warning("no function %s", name)
        return
    every = int(os.environ.get("DUPLICATE", "0"))
    times = 2 if every and next(deliveries) % every == 0 else 1
    for _ in range(times):
        lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), event)


def faster(parse, seconds):
    def wrapped(expression):
        rate = parse(expression)
        return None if rate is None else rate * seconds / 60

    return wrapped


def http_is_tls(plain):
    def wrapped(key, context):
        return "true" if key.lower() == "aws:securetransport" else plain(key, context)

    return wrapped


def install():
    check_names()
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::CloudWatch::CompositeAlarm"] = COMPOSITE_ALARM
    handlers["AWS::MSK::Topic"] = MSK_TOPIC
    provisioners._cw_metric_alarm_record = alarm_record(provisioners._cw_metric_alarm_record)
    function = handlers["AWS::Lambda::Function"]
    function["create"] = then(function["create"], keep_function, 1)
    function["update"] = then(function["update"], keep_function, 2)
    table = handlers["AWS::DynamoDB::Table"]
    table["create"] = refuse_existing(then(table["create"], keep_table, 1))
    table["update"] = then(table["update"], keep_table, 2)
    eventbridge._dispatch_to_lambda = deliver
    iam_evaluator._resolve_condition_key = http_is_tls(iam_evaluator._resolve_condition_key)
    seconds = float(os.environ.get("SECONDS_PER_MINUTE", "60"))
    if seconds != 60:
        scheduler._SCHEDULE_TICK_INTERVAL = 1
        eventbridge._parse_rate_seconds = faster(eventbridge._parse_rate_seconds, seconds)


if __name__ == "__main__":
    install()
    from ministack.app import main

    main()
