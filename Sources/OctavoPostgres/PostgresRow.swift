import CLibPQ
public import Foundation

/// A column, by its name in the result or by its position from 0.
public enum PostgresColumn: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    /// By name; the first of several that share it.
    case name(String)
    /// By position from 0.
    case index(Int)

    /// A name.
    public init(stringLiteral value: String) { self = .name(value) }
    /// A position from 0.
    public init(integerLiteral value: Int) { self = .index(value) }
}

/// One row of a result.
///
/// Every getter throws `.invalidValue`, naming the column, when there is no such column, when it is of another type, and,
/// unless its name begins with `optional`, when it is NULL.
public struct PostgresRow: Sendable {
    let handle: ResultHandle
    let row: Int32

    /// A `smallint`, `integer`, `bigint` or `oid`. (`sum` of `bigint` is `numeric`: cast it.)
    public func int(_ column: PostgresColumn) throws(PostgresError) -> Int { try required(column) }
    /// As `int`, nil for NULL.
    public func optionalInt(_ column: PostgresColumn) throws(PostgresError) -> Int? { try value(column) }
    /// A `boolean`.
    public func bool(_ column: PostgresColumn) throws(PostgresError) -> Bool { try required(column) }
    /// As `bool`, nil for NULL.
    public func optionalBool(_ column: PostgresColumn) throws(PostgresError) -> Bool? { try value(column) }
    /// A `real` or `double precision`.
    public func double(_ column: PostgresColumn) throws(PostgresError) -> Double { try required(column) }
    /// As `double`, nil for NULL.
    public func optionalDouble(_ column: PostgresColumn) throws(PostgresError) -> Double? { try value(column) }
    /// Text of any kind, `json`, `jsonb` and enums included.
    public func string(_ column: PostgresColumn) throws(PostgresError) -> String { try required(column) }
    /// As `string`, nil for NULL.
    public func optionalString(_ column: PostgresColumn) throws(PostgresError) -> String? { try value(column) }
    /// A `bytea`, or the UTF-8 of text.
    public func bytes(_ column: PostgresColumn) throws(PostgresError) -> [UInt8] { try required(column) }
    /// As `bytes`, nil for NULL.
    public func optionalBytes(_ column: PostgresColumn) throws(PostgresError) -> [UInt8]? { try value(column) }
    /// A `timestamp with time zone`.
    public func date(_ column: PostgresColumn) throws(PostgresError) -> Date { try required(column) }
    /// As `date`, nil for NULL.
    public func optionalDate(_ column: PostgresColumn) throws(PostgresError) -> Date? { try value(column) }

    /// A `smallint[]`, `integer[]` or `bigint[]` without NULLs.
    public func intArray(_ column: PostgresColumn) throws(PostgresError) -> [Int] { try requiredArray(column) }
    /// As `intArray`, nil for NULL.
    public func optionalIntArray(_ column: PostgresColumn) throws(PostgresError) -> [Int]? { try array(column) }
    /// A `double precision[]` without NULLs.
    public func doubleArray(_ column: PostgresColumn) throws(PostgresError) -> [Double] { try requiredArray(column) }
    /// A `text[]` without NULLs.
    public func stringArray(_ column: PostgresColumn) throws(PostgresError) -> [String] { try requiredArray(column) }
    /// A `text[]` whose elements may be NULL.
    public func stringOrNullArray(_ column: PostgresColumn) throws(PostgresError) -> [String?] {
        let decoded: DecodedArray<String> = try required(column)
        return decoded.elements
    }
    /// A `bytea[]` without NULLs.
    public func bytesArray(_ column: PostgresColumn) throws(PostgresError) -> [[UInt8]] { try requiredArray(column) }

    /// Whether the column is NULL.
    public func isNull(_ column: PostgresColumn) throws(PostgresError) -> Bool {
        PQgetisnull(handle.pointer, row, try index(of: column)) == 1
    }
}

extension PostgresRow {
    private func value<T: BinaryDecodable>(_ column: PostgresColumn) throws(PostgresError) -> T? {
        let index = try index(of: column)
        guard PQgetisnull(handle.pointer, row, index) == 0 else { return nil }
        let type = PQftype(handle.pointer, index)
        let bytes = UnsafeRawBufferPointer(
            start: PQgetvalue(handle.pointer, row, index), count: Int(PQgetlength(handle.pointer, row, index)))
        guard let value = T.decode(bytes, type: type) else {
            throw failure(column, "is \(PostgresType.description(type)), not \(T.expectation)")
        }
        return value
    }

    private func required<T: BinaryDecodable>(_ column: PostgresColumn) throws(PostgresError) -> T {
        guard let value: T = try value(column) else { throw failure(column, "is NULL") }
        return value
    }

    private func array<T: BinaryDecodable>(_ column: PostgresColumn) throws(PostgresError) -> [T]? {
        guard let decoded: DecodedArray<T> = try value(column) else { return nil }
        let elements = decoded.elements.compactMap(\.self)
        guard elements.count == decoded.elements.count else { throw failure(column, "has a NULL element") }
        return elements
    }

    private func requiredArray<T: BinaryDecodable>(_ column: PostgresColumn) throws(PostgresError) -> [T] {
        guard let elements: [T] = try array(column) else { throw failure(column, "is NULL") }
        return elements
    }

    private func index(of column: PostgresColumn) throws(PostgresError) -> Int32 {
        let count = PQnfields(handle.pointer)
        switch column {
        case .index(let index):
            if (0..<Int(count)).contains(index) { return Int32(index) }
        case .name(let name):
            for index in 0..<count where strcmp(PQfname(handle.pointer, index), name) == 0 { return index }
        }
        throw failure(column, "is not in the result")
    }

    private func failure(_ column: PostgresColumn, _ problem: String) -> PostgresError {
        let name =
            switch column {
            case .name(let name): "\"\(name)\""
            case .index(let index): "\(index)"
            }
        return PostgresError(.invalidValue, "column \(name) \(problem)", statement: handle.statement)
    }
}
