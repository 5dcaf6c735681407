/// The object identifiers of the built-in types that Octavo sends and reads (PostgreSQL's `pg_type.dat`).
enum PostgresType {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let name: UInt32 = 19
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let oid: UInt32 = 26
    static let json: UInt32 = 114
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
    static let byteaArray: UInt32 = 1001
    static let int2Array: UInt32 = 1005
    static let int4Array: UInt32 = 1007
    static let textArray: UInt32 = 1009
    static let int8Array: UInt32 = 1016
    static let float8Array: UInt32 = 1022
    static let bpchar: UInt32 = 1042
    static let varchar: UInt32 = 1043
    static let timestamp: UInt32 = 1114
    static let timestamptz: UInt32 = 1184
    static let numeric: UInt32 = 1700
    static let jsonb: UInt32 = 3802

    /// Types beyond this number are the user's own: enums and domains among them, which travel as text.
    static let firstUserDefined: UInt32 = 16_384

    private static let names: [UInt32: String] = [
        bool: "boolean", bytea: "bytea", name: "name", int8: "bigint", int2: "smallint", int4: "integer", text: "text",
        oid: "oid", json: "json", float4: "real", float8: "double precision", byteaArray: "bytea[]",
        int2Array: "smallint[]", int4Array: "integer[]", textArray: "text[]", int8Array: "bigint[]",
        float8Array: "double precision[]", bpchar: "character", varchar: "character varying", timestamp: "timestamp",
        timestamptz: "timestamp with time zone", numeric: "numeric", jsonb: "jsonb",
    ]

    /// The type's name in SQL, for messages.
    static func description(_ type: UInt32) -> String { names[type] ?? "type with OID \(type)" }
}
