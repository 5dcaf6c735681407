import Foundation
import OctavoCore
import OctavoPostgres
import OctavoTestSupport
import Testing

/// A directory, a database and an environment in which a test runs `octavo`.
struct Workbench: Sendable {
    /// Holds the test's files; gone after it.
    let directory: URL
    /// The environment of every process: nothing of ours leaks into it.
    var environment: [String: String]

    /// A workbench with an empty database of the tests' PostgreSQL.
    static func with<T>(_ body: (Workbench) async throws -> T) async throws -> T {
        try await TestDatabase.withDatabase { url in
            try await withoutDatabase { bench in
                var bench = bench
                bench.environment["OCTAVO_DATABASE_URL"] = url
                return try await body(bench)
            }
        }
    }

    /// A workbench on which `octavo` would start a private PostgreSQL under `home`.
    static func withoutDatabase<T>(_ body: (Workbench) async throws -> T) async throws -> T {
        try await TemporaryDirectory.with { directory in
            let inherited = ProcessInfo.processInfo.environment
            let environment = [
                "PATH": inherited["PATH"] ?? "/usr/bin:/bin", "HOME": directory.path, "LC_ALL": "C.UTF-8",
                "OCTAVO_HOME": directory.appending(path: "home").path,
                // Equal results are equal files.
                "SOURCE_DATE_EPOCH": "1700000000",
            ]
            return try await body(Workbench(directory: directory, environment: environment))
        }
    }

    /// The URL of the database.
    var databaseURL: String { environment["OCTAVO_DATABASE_URL"] ?? "" }
}

// MARK: - Files

extension Workbench {
    func path(_ name: String) -> String { directory.appending(path: name).path }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: directory.appending(path: name))
        return path(name)
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    /// The values on the lines of a file; none if it does not exist.
    func jsonLines(_ name: String) throws -> [JSONValue] { exists(name) ? try JSONValue.lines(read(name)) : [] }
}

// MARK: - Processes

extension Workbench {
    /// Runs `octavo` to its end.
    func octavo(_ arguments: String..., input: String = "") async throws -> ProcessOutcome {
        try await octavo(arguments, input: input)
    }

    /// Runs `octavo` to its end.
    func octavo(_ arguments: [String], input: String = "") async throws -> ProcessOutcome {
        try await runProcess(
            TestPaths.octavoExecutable, arguments, environment: environment, standardInput: input,
            timeout: .seconds(300))
    }

    /// Starts `octavo`.
    func start(_ arguments: [String]) throws -> RunningProcess {
        try RunningProcess(TestPaths.octavoExecutable, arguments, environment: environment)
    }
}

// MARK: - Database

extension Workbench {
    /// The integer that a query gives.
    func count(_ sql: String) throws -> Int {
        try PostgresSession(PostgresConfiguration(connectionString: databaseURL)).query(sql).only().int(0)
    }

    /// Runs any SQL.
    func execute(_ sql: String) throws {
        try PostgresSession(PostgresConfiguration(connectionString: databaseURL)).execute(sql)
    }

    /// How many requests have results.
    func finishedCount() throws -> Int { try count("SELECT count(*) FROM octavo.results") }
}

extension JSONValue {
    /// The values on the lines of a text.
    static func lines(_ text: String) throws -> [JSONValue] {
        try text.split(separator: "\n").map { try JSONValue.parse(Array($0.utf8)) }
    }
}

/// Waits for a process, which must end within five minutes.
func status(of process: RunningProcess) async throws -> Int32 {
    try #require(await process.wait(timeout: .seconds(300)), "still running: \(process.standardError)")
}
