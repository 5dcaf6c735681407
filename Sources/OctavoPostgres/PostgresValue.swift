/// A parameter of a statement, sent in binary with its type stated, so that the server neither parses nor guesses.
///
/// Literals make values: `[7, "text", true, 0.5, nil]`. Integer literals are `bigint`; a function whose parameter is
/// `integer` needs `.int32`. A parameter of any other type is sent as text and cast in the statement: `$1::jsonb`.
public enum PostgresValue: Hashable, Sendable {
    /// NULL, of whatever type the statement expects.
    case null
    /// `boolean`
    case bool(Bool)
    /// `smallint`
    case int16(Int16)
    /// `integer`
    case int32(Int32)
    /// `bigint`
    case int(Int64)
    /// `double precision`
    case double(Double)
    /// `text`; U+0000 cannot be stored and is refused before anything is sent.
    case text(String)
    /// `bytea`
    case bytes([UInt8])
    /// `smallint[]`
    case int2Array([Int16])
    /// `integer[]`
    case int4Array([Int32])
    /// `bigint[]`
    case int8Array([Int64])
    /// `double precision[]`
    case doubleArray([Double])
    /// `text[]`, elements may be NULL.
    case textArray([String?])
    /// `text[]` of texts given as UTF-8, which the server checks.
    case utf8Array([[UInt8]])
    /// `bytea[]`, elements may be NULL.
    case byteaArray([[UInt8]?])

    /// `bigint`, from Swift's usual integer.
    public static func int(_ value: Int) -> PostgresValue { .int(Int64(value)) }

    /// The value, or NULL for nil: `.optional(name, PostgresValue.text)`.
    public static func optional<T>(_ value: T?, _ make: (T) -> PostgresValue) -> PostgresValue {
        value.map(make) ?? .null
    }

    /// The type's object identifier; 0 lets the server infer it.
    var type: UInt32 {
        switch self {
        case .null: 0
        case .bool: PostgresType.bool
        case .int16: PostgresType.int2
        case .int32: PostgresType.int4
        case .int: PostgresType.int8
        case .double: PostgresType.float8
        case .text: PostgresType.text
        case .bytes: PostgresType.bytea
        case .int2Array: PostgresType.int2Array
        case .int4Array: PostgresType.int4Array
        case .int8Array: PostgresType.int8Array
        case .doubleArray: PostgresType.float8Array
        case .textArray, .utf8Array: PostgresType.textArray
        case .byteaArray: PostgresType.byteaArray
        }
    }
}

extension PostgresValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral
{
    /// NULL.
    public init(nilLiteral: ()) { self = .null }
    /// A `boolean`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A `bigint`.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A `double precision`.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// A `text`.
    public init(stringLiteral value: String) { self = .text(value) }
}
