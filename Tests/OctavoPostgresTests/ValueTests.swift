import Foundation
import OctavoPostgres
import OctavoTestSupport
import Testing

@Suite struct ValueTests {
    @Test func `every type of value comes back as it was sent`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            let row = try session.query(
                "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f, $7 AS g",
                [
                    .bool(true), .int16(-7), .int32(.min), .int(Int64.max), .double(-0.1), "häßlich 🦉\u{1}",
                    .bytes([0, 255, 1]),
                ]
            ).only()
            #expect(try row.bool("a"))
            #expect(try row.int("b") == -7)
            #expect(try row.int("c") == Int(Int32.min))
            #expect(try row.int("d") == Int.max)
            #expect(try row.double("e") == -0.1)
            #expect(try row.string("f") == "häßlich 🦉\u{1}")
            #expect(try row.bytes("g") == [0, 255, 1])
            #expect(try row.bytes(5) == Array("häßlich 🦉\u{1}".utf8))
        }
    }

    @Test func `NULL is nil for an optional getter and an error for any other`() async throws {
        try await TestDatabase.withDatabase { url in
            let row = try session(url).query(
                "SELECT $1::bigint AS i, $2::text AS t, $3::bytea AS b, NULL::timestamptz AS d, NULL::int[] AS a",
                [nil, .optional(nil, PostgresValue.text), .null]
            ).only()
            #expect(try row.optionalInt("i") == nil)
            #expect(try row.optionalString("t") == nil)
            #expect(try row.optionalBytes("b") == nil)
            #expect(try row.optionalDate("d") == nil)
            #expect(try row.optionalIntArray("a") == nil)
            #expect(try row.isNull("i"))
            let error = await postgresError { try row.int("i") }
            #expect(error?.message == "column \"i\" is NULL")
        }
    }

    @Test(arguments: [0, 1, 10_000])
    func `arrays come back as they were sent`(count: Int) async throws {
        try await TestDatabase.withDatabase { url in
            let integers = (0..<count).map { $0 * 7 - 3 }
            let texts = integers.map { "t\($0) \"{,}\" ü" }
            let row = try session(url).query(
                "SELECT $1, $2, $3, $4, $5, $6",
                [
                    .int8Array(integers.map(Int64.init)), .int4Array(integers.map(Int32.init)),
                    .int2Array(integers.map { Int16(truncatingIfNeeded: $0) }), .doubleArray(integers.map(Double.init)),
                    .textArray(texts), .byteaArray(texts.map { Array($0.utf8) }),
                ]
            ).only()
            #expect(try row.intArray(0) == integers)
            #expect(try row.intArray(1) == integers)
            #expect(try row.intArray(2) == integers.map { Int(Int16(truncatingIfNeeded: $0)) })
            #expect(try row.doubleArray(3) == integers.map(Double.init))
            #expect(try row.stringArray(4) == texts)
            #expect(try row.bytesArray(5) == texts.map { Array($0.utf8) })
        }
    }

    @Test func `an array keeps its NULL elements where they are`() async throws {
        try await TestDatabase.withDatabase { url in
            let row = try session(url).query("SELECT $1 AS t", [.textArray(["a", nil, ""])]).only()
            #expect(try row.stringOrNullArray("t") == ["a", nil, ""])
            let error = await postgresError { try row.stringArray("t") }
            #expect(error?.message == "column \"t\" has a NULL element")
        }
    }

    @Test func `times, JSON and enums can be read`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            try session.execute("CREATE TYPE mood AS ENUM ('glad')")
            let row = try session.query(
                """
                SELECT '2026-11-22 05:39:00.25+00'::timestamptz AS t, '{"a": 1}'::jsonb AS j, '[1]'::json AS k,
                    'glad'::mood AS m, 'pg_class'::regclass::oid AS o, 1.5::real AS r
                """
            ).only()
            #expect(try row.date("t") == Date(timeIntervalSince1970: 1_795_325_940.25))
            #expect(try row.string("j") == "{\"a\": 1}")
            #expect(try row.string("k") == "[1]")
            #expect(try row.string("m") == "glad")
            #expect(try row.int("o") == 1259)
            #expect(try row.double("r") == 1.5)
        }
    }

    @Test func `empty values are not NULL`() async throws {
        try await TestDatabase.withDatabase { url in
            let row = try session(url).query("SELECT $1, $2", ["", .bytes([])]).only()
            #expect(try row.optionalString(0) == "")
            #expect(try row.optionalBytes(1) == [])
        }
    }

    @Test(arguments: [
        PostgresValue.text("a\u{0}b"), .textArray(["fine", "\u{0}"]),
    ])
    func `U+0000 is refused before anything is sent`(value: PostgresValue) async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            let error = await postgresError { try session.query("SELECT 1, $2", [1, value], name: "InsertThing") }
            #expect(error?.kind == .invalidValue)
            #expect(error?.sqlState == SQLState.characterNotInRepertoire)
            #expect(error?.description.contains("InsertThing: parameter $2: text with U+0000") == true)
            #expect(try session.query("SELECT 1").count == 1)
        }
    }

    @Test func `a column read as another type is an error that names it`() async throws {
        try await TestDatabase.withDatabase { url in
            let row = try session(url).query("SELECT 1.5::numeric AS n, 'x' AS t, 7 AS i", name: "Sums").only()
            for (problem, read) in [
                ("column \"n\" is numeric, not an integer", { _ = try row.int("n") }),
                ("column \"t\" is text, not an integer", { _ = try row.int("t") }),
                ("column \"i\" is integer, not text", { _ = try row.string("i") }),
                ("column \"i\" is integer, not an array, each element text", { _ = try row.stringArray("i") }),
                ("column \"none\" is not in the result", { _ = try row.int("none") }),
                ("column 3 is not in the result", { _ = try row.int(3) }),
            ] as [(String, () throws -> Void)] {
                let error = await postgresError { try read() }
                #expect(error?.message == problem)
                #expect(error?.statement == "Sums")
            }
        }
    }
}
