/**
 * What every function's Node is started with. V8 marks the heap anew as soon as less than a semi-space is left below its
 * limit, and sets that limit 8 MB and the new space above what lives (`--trace-incremental-marking`). With the semi-space that
 * Node has by itself, 16 MB, and a new space that has shrunk, that is at once, over and over.
 */
export const NODE_FLAGS = ['--enable-source-maps', '--max-semi-space-size=8'];
