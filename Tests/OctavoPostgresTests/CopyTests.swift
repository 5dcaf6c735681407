import Foundation
import OctavoPostgres
import OctavoTestSupport
import Testing

@Suite struct CopyTests {
    private static let copyIn = "COPY t (id, small, name, payload, flag, ratio, big) FROM STDIN (FORMAT binary)"
    private static let copyOut = "COPY (SELECT * FROM t ORDER BY id) TO STDOUT (FORMAT binary)"

    private func makeTable(_ url: String) throws -> PostgresSession {
        let session = try session(url)
        try session.execute(
            """
            CREATE TABLE t (
                id int PRIMARY KEY, small smallint, name text, payload bytea, flag bool, ratio float8, big bigint)
            """)
        return session
    }

    private func write(_ id: Int, to writer: inout CopyInWriter) throws {
        try writer.beginRow(columnCount: 7)
        writer.write(int32: Int32(id))
        writer.write(int16: Int16(id % 100))
        try writer.write(text: "row \(id) ü")
        if id.isMultiple(of: 2) { try writer.write(bytes: [0, UInt8(id % 256)]) } else { writer.writeNull() }
        writer.write(bool: id.isMultiple(of: 3))
        writer.write(double: Double(id) / 2)
        writer.write(int64: Int64(id) << 33)
    }

    @Test(arguments: [0, 1, 100_000])
    func `rows come out as they went in`(count: Int) async throws {
        try await TestDatabase.withDatabase { url in
            let session = try makeTable(url)
            let loaded = try session.copyIn(Self.copyIn) { writer in
                for id in 0..<count { try write(id, to: &writer) }
            }
            #expect(loaded == count)
            var id = 0
            var faults = 0
            let read = try session.copyOut(Self.copyOut) { row in
                let payload = id.isMultiple(of: 2) ? [0, UInt8(id % 256)] : nil
                let isRight =
                    try row.int(0) == id && row.int(1) == id % 100 && row.string(2) == "row \(id) ü"
                    && row.optionalBytes(3) == payload && row.bool(4) == id.isMultiple(of: 3)
                    && row.double(5) == Double(id) / 2 && row.int(6) == id << 33
                if !isRight { faults += 1 }
                id += 1
            }
            #expect(read == count)
            #expect(id == count)
            #expect(faults == 0)
            #expect(session.isAlive)
        }
    }

    @Test func `text given as bytes is text`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try makeTable(url)
            try session.copyIn("COPY t (id, name) FROM STDIN (FORMAT binary)") { writer in
                try writer.beginRow(columnCount: 2)
                writer.write(int32: 1)
                try writer.write(text: Array("ünï".utf8)[...])
            }
            #expect(try session.query("SELECT name FROM t").only().string("name") == "ünï")
        }
    }

    @Test func `a load whose writer throws stores nothing and the session goes on`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try makeTable(url)
            let error = await postgresError {
                try session.copyIn(Self.copyIn) { writer in
                    for id in 0..<5_000 { try write(id, to: &writer) }
                    try writer.beginRow(columnCount: 7)
                    try writer.write(text: "\u{0}")
                }
            }
            #expect(error?.sqlState == SQLState.characterNotInRepertoire)
            #expect(session.isAlive)
            #expect(try session.query("SELECT FROM t").isEmpty)
        }
    }

    @Test func `a row that the server refuses fails the load, and the session goes on`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try makeTable(url)
            let error = await postgresError {
                try session.copyIn(Self.copyIn, name: "Load") { writer in
                    for id in 0..<20_000 { try write(id % 9_999, to: &writer) }
                }
            }
            #expect(error?.sqlState == SQLState.uniqueViolation)
            #expect(error?.statement == "Load")
            #expect(try session.query("SELECT FROM t").isEmpty)
        }
    }

    @Test func `COPY in text format or into no table is an error`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try makeTable(url)
            let missing = await postgresError { try session.copyIn("COPY nowhere FROM STDIN (FORMAT binary)") { _ in } }
            #expect(missing?.sqlState == SQLState.undefinedTable)
            let textual = await postgresError { try session.copyIn("COPY t FROM STDIN") { _ in } }
            #expect(textual?.kind == .protocolViolation)
        }
    }

    @Test func `a reader that throws stops the stream`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            var rows = 0
            #expect(throws: CancellationError.self) {
                try session.copyOut("COPY (SELECT generate_series(1, 100000000)) TO STDOUT (FORMAT binary)") { _ in
                    rows += 1
                    if rows == 10 { throw CancellationError() }
                }
            }
            #expect(rows == 10)
        }
    }

    @Test func `a column that does not fit is an error that names it`() async throws {
        try await TestDatabase.withDatabase { url in
            let session = try session(url)
            let error = await postgresError {
                try session.copyOut("COPY (SELECT 'abc'::text) TO STDOUT (FORMAT binary)") { row in _ = try row.int(0) }
            }
            #expect(error?.message == "column 0 has 3 bytes, which is not an integer")
        }
    }
}
