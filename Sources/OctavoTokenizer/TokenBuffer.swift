import OctavoCore

/// Tokens on their way out, in memory that is used again: room is made once per piece, appending then checks nothing.
struct TokenBuffer: ~Copyable {
    private var base: UnsafeMutablePointer<TokenID>
    private var capacity: Int
    private(set) var count = 0

    /// An empty buffer.
    init(capacity: Int = 4096) {
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    /// Makes room for `additional` more tokens.
    @inline(__always)
    mutating func reserve(_ additional: Int) {
        if capacity - count < additional { grow(additional) }
    }

    @inline(never)
    private mutating func grow(_ additional: Int) {
        capacity = max(2 * capacity, count + additional)
        let larger = UnsafeMutablePointer<TokenID>.allocate(capacity: capacity)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
    }

    /// Appends a token; room must have been made for it.
    @inline(__always)
    mutating func append(_ token: TokenID) {
        base[count] = token
        count += 1
    }

    /// Appends a vector of tokens of which the first `count` count; room must have been made for all.
    @inline(__always)
    mutating func append<Tokens: SIMD<TokenID> & BitwiseCopyable>(_ tokens: Tokens, count added: Int) {
        UnsafeMutableRawPointer(base + count).storeBytes(of: tokens, as: Tokens.self)
        count += added
    }

    /// The place behind the last token, where room has been made; valid until the next growth.
    @inline(__always)
    var end: UnsafeMutablePointer<TokenID> { base + count }

    /// The tokens from `start` on; valid until the next mutation.
    @inline(__always)
    func tokens(from start: Int) -> UnsafeBufferPointer<TokenID> {
        UnsafeBufferPointer(start: base + start, count: count - start)
    }

    /// Forgets all tokens and, if there were very many, gives their memory back.
    mutating func removeAll() {
        count = 0
        if capacity > 1 << 20 { self = TokenBuffer() }
    }
}
