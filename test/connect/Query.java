import java.sql.*;

/** Connects, within a minute, runs the statements it is given, and prints the first column of what they answer. */
public class Query {
    public static void main(String[] args) throws Exception {
        try (Connection connection = connect(args[0])) {
            for (int i = 1; i < args.length; i++) {
                try (Statement statement = connection.createStatement()) {
                    if (!statement.execute(args[i])) continue;
                    ResultSet rows = statement.getResultSet();
                    while (rows.next()) System.out.println(rows.getString(1));
                }
            }
        }
    }

    private static Connection connect(String url) throws Exception {
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (true) {
            try {
                return DriverManager.getConnection(url);
            } catch (SQLException error) {
                if (System.nanoTime() > deadline) throw error;
                Thread.sleep(100);
            }
        }
    }
}
