/// One row of a binary COPY, valid while it is being read. The format does not name its columns or their types: they are
/// counted from 0, and their lengths must fit what they are read as.
///
/// Every getter throws `.invalidValue` for a column that is not there, does not fit, or, unless its name begins with
/// `optional`, is NULL.
public struct CopyOutRow: ~Copyable {
    fileprivate let fields: [UnsafeRawBufferPointer?]
    fileprivate let statement: String?

    /// The number of columns.
    public var count: Int { fields.count }

    /// A `smallint`, `integer` or `bigint`.
    public func int(_ column: Int) throws(PostgresError) -> Int { try required(column) }
    /// As `int`, nil for NULL.
    public func optionalInt(_ column: Int) throws(PostgresError) -> Int? { try value(column) }
    /// A `boolean`.
    public func bool(_ column: Int) throws(PostgresError) -> Bool { try required(column) }
    /// A `real` or `double precision`.
    public func double(_ column: Int) throws(PostgresError) -> Double { try required(column) }
    /// A textual type but `jsonb`.
    public func string(_ column: Int) throws(PostgresError) -> String { try required(column) }
    /// As `string`, nil for NULL.
    public func optionalString(_ column: Int) throws(PostgresError) -> String? { try value(column) }
    /// The column's bytes as they are.
    public func bytes(_ column: Int) throws(PostgresError) -> [UInt8] { try required(column) }
    /// As `bytes`, nil for NULL.
    public func optionalBytes(_ column: Int) throws(PostgresError) -> [UInt8]? { try value(column) }

    /// Calls `body` with the column's bytes where they lie; nil for NULL.
    public func withBytes<T>(_ column: Int, _ body: (UnsafeRawBufferPointer?) throws -> T) throws -> T {
        try body(try field(column))
    }

    private func field(_ column: Int) throws(PostgresError) -> UnsafeRawBufferPointer? {
        guard fields.indices.contains(column) else { throw failure(column, "is not in the row") }
        return fields[column]
    }

    private func value<T: BinaryDecodable>(_ column: Int) throws(PostgresError) -> T? {
        guard let bytes = try field(column) else { return nil }
        guard let value = T.decode(bytes, type: nil) else {
            throw failure(column, "has \(bytes.count) bytes, which is not \(T.expectation)")
        }
        return value
    }

    private func required<T: BinaryDecodable>(_ column: Int) throws(PostgresError) -> T {
        guard let value: T = try value(column) else { throw failure(column, "is NULL") }
        return value
    }

    private func failure(_ column: Int, _ problem: String) -> PostgresError {
        PostgresError(.invalidValue, "column \(column) \(problem)", statement: statement)
    }
}

/// Takes apart the server's COPY messages: whole rows, the first after a header, the last followed by a trailer.
struct CopyOutDecoder {
    let statement: String?
    private(set) var rowCount = 0
    private var sawHeader = false

    init(statement: String?) {
        self.statement = statement
    }

    /// Calls `read` for each row in a message.
    ///
    /// - Throws: `.protocolViolation` if the message is cut short.
    mutating func decode(_ message: UnsafeRawBufferPointer, _ read: (borrowing CopyOutRow) throws -> Void) throws {
        var offset = sawHeader ? 0 : try skipHeader(message)
        sawHeader = true
        while offset < message.count {
            guard let columns = message.bigEndian(Int16.self, at: offset) else { throw truncated }
            offset += 2
            if columns == CopyFormat.trailer { continue }
            let row = CopyOutRow(
                fields: try fields(of: message, count: Int(columns), at: &offset), statement: statement)
            rowCount += 1
            try read(row)
        }
    }

    private func skipHeader(_ message: UnsafeRawBufferPointer) throws -> Int {
        let signature = CopyFormat.signature
        guard message.starts(with: signature),
            let extensionSize = message.bigEndian(UInt32.self, at: signature.count + 4)
        else { throw truncated }
        return signature.count + 8 + Int(extensionSize)
    }

    private func fields(
        of message: UnsafeRawBufferPointer, count: Int, at offset: inout Int
    ) throws -> [UnsafeRawBufferPointer?] {
        guard count >= 0 else { throw truncated }
        var fields: [UnsafeRawBufferPointer?] = []
        fields.reserveCapacity(count)
        for _ in 0..<count {
            guard let size = message.bigEndian(Int32.self, at: offset) else { throw truncated }
            offset += 4
            guard size >= 0 else {
                fields.append(nil)
                continue
            }
            guard Int(size) <= message.count - offset else { throw truncated }
            fields.append(UnsafeRawBufferPointer(rebasing: message[offset..<offset + Int(size)]))
            offset += Int(size)
        }
        return fields
    }

    private var truncated: PostgresError {
        PostgresError(.protocolViolation, "a COPY message that ends in the middle of a row", statement: statement)
    }
}
