import CLibPQ

/// Writes the rows of a binary COPY: for each row `beginRow`, then its columns in order, each in its type's own width.
///
/// Rows are collected in a buffer and sent 64 KiB at a time.
public struct CopyInWriter: ~Copyable {
    private static let chunkSize = 64 * 1024

    private let session: PostgresSession
    private let statement: String?
    private var buffer: [UInt8] = []
    private var missingColumns = 0

    init(session: PostgresSession, statement: String?) {
        self.session = session
        self.statement = statement
        buffer.reserveCapacity(2 * Self.chunkSize)
        buffer.append(contentsOf: CopyFormat.signature)
        buffer.appendBigEndian(Int32(0))  // flags
        buffer.appendBigEndian(Int32(0))  // length of the header's extension
    }

    /// Begins a row; exactly `columnCount` values must follow.
    ///
    /// - Throws: `.connection` when the buffer could not be sent.
    public mutating func beginRow(columnCount: Int) throws(PostgresError) {
        precondition(missingColumns == 0, "the row before lacks \(missingColumns) columns")
        if buffer.count >= Self.chunkSize { try send() }
        buffer.appendBigEndian(Int16(columnCount))
        missingColumns = columnCount
    }

    /// NULL.
    public mutating func writeNull() {
        beginColumn()
        buffer.appendBigEndian(Int32(-1))
    }

    /// A `boolean`.
    public mutating func write(bool value: Bool) {
        beginColumn()
        buffer.appendBigEndian(Int32(1))
        buffer.append(value ? 1 : 0)
    }

    /// A `smallint`.
    public mutating func write(int16 value: Int16) { write(integer: value) }
    /// An `integer`.
    public mutating func write(int32 value: Int32) { write(integer: value) }
    /// A `bigint`.
    public mutating func write(int64 value: Int64) { write(integer: value) }
    /// A `double precision`.
    public mutating func write(double value: Double) { write(integer: value.bitPattern) }

    /// A `text`, `json` (not `jsonb`) or enum.
    ///
    /// - Throws: `.invalidValue` for U+0000 and for 1 GiB or more.
    public mutating func write(text: String) throws(PostgresError) {
        beginColumn()
        try buffer.appendSized { buffer throws(PostgresError) in try buffer.append(text: text) }
    }

    /// A `text` given as UTF-8, which the server checks.
    ///
    /// - Throws: as `write(text: String)`.
    public mutating func write(text utf8: some Collection<UInt8>) throws(PostgresError) {
        let containsZero = utf8.withContiguousStorageIfAvailable(\.containsZero) ?? utf8.contains(0)
        guard !containsZero else { throw PostgresError.zeroInText }
        try write(bytes: utf8)
    }

    /// A `bytea`.
    ///
    /// - Throws: `.invalidValue` for 1 GiB or more.
    public mutating func write(bytes: some Collection<UInt8>) throws(PostgresError) {
        beginColumn()
        try buffer.appendSized { buffer throws(PostgresError) in buffer.append(contentsOf: bytes) }
    }

    private mutating func write(integer value: some FixedWidthInteger) {
        beginColumn()
        buffer.appendBigEndian(Int32(value.bitWidth / 8))
        buffer.appendBigEndian(value)
    }

    private mutating func beginColumn() {
        precondition(missingColumns > 0, "more columns than the row was begun with")
        missingColumns -= 1
    }

    /// Sends the trailer and what is left.
    mutating func finish() throws(PostgresError) {
        precondition(missingColumns == 0, "the last row lacks \(missingColumns) columns")
        buffer.appendBigEndian(CopyFormat.trailer)
        try send()
    }

    private mutating func send() throws(PostgresError) {
        let exchange = try session.beginExchange(statement)
        while true {
            let outcome = buffer.withUnsafeBytes { bytes in
                PQputCopyData(
                    session.connection, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
            }
            switch outcome {
            case 1:
                buffer.removeAll(keepingCapacity: true)
                return try exchange.flush()
            case 0: try exchange.flush()  // libpq's own buffer is full
            default: throw session.sendFailure(statement)
            }
        }
    }
}

/// The frame of PostgreSQL's binary COPY format.
enum CopyFormat {
    /// "PGCOPY", then bytes that a damaged transfer would change.
    static let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]
    /// Stands where a row's column count would.
    static let trailer: Int16 = -1
}
