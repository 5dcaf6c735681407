import Foundation
import Logging
import OctavoCore
import OctavoFiles
import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import Testing

/// Files of one test, in a directory that is removed with it.
struct TestFiles {
    let directory: URL

    static func with<T>(_ body: (TestFiles) async throws -> T) async throws -> T {
        try await TemporaryDirectory.with { try await body(TestFiles(directory: $0)) }
    }

    func path(_ name: String) -> String { directory.appending(path: name).path }

    /// Writes a file and returns its path.
    func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: directory.appending(path: name))
        return path(name)
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    /// The names of all files, hidden ones included.
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).sorted() }
}

/// One property of some options and its value for a test.
///
/// A value and no closure written in the test: with optimization, Swift 6.3 passes the closure of another test to an
/// `async` helper like those that take these.
struct Change<Options> {
    var apply: (inout Options) -> Void

    static func set<Value>(_ property: WritableKeyPath<Options, Value>, _ value: Value) -> Change {
        Change { $0[keyPath: property] = value }
    }
}

protocol Changeable {}

extension Changeable {
    func applying(_ changes: [Change<Self>]) -> Self {
        var result = self
        for change in changes { change.apply(&result) }
        return result
    }
}

extension EnqueueOptions: Changeable {}
extension ExportOptions: Changeable {}

/// `count` rows, one a line, whose prompts grow and shrink in length.
func rows(_ count: Int, first: Int = 1) -> String {
    (first..<first + count)
        .map { "{\"id\": \"row-\($0)\", \"prompt\": \"\(String(repeating: "x", count: 1 + $0 * 7 % 50))\"}\n" }
        .joined()
}

/// Counts a token for every byte of a text, and refuses token ids, as a tokenizer of a tiny vocabulary would.
struct ByteEncoder: PromptEncoding {
    var contextLength = 64
    let vocabularySize = 256

    func tokens(of text: String) -> [TokenID] { text.utf8.map { TokenID($0) } }

    func encode(_ body: RequestBody) throws(RequestError) -> [[TokenID]] {
        switch body.prompt {
        case .chat(let chat):
            return [chat.messages.flatMap { ($0["content"]?.jsonText ?? "").utf8.map { TokenID($0) } }]
        case .texts(let prompts):
            var result: [[TokenID]] = []
            for prompt in prompts {
                guard case .text(let text) = prompt else {
                    throw RequestError("has a token id outside the vocabulary", parameter: "prompt")
                }
                result.append(text.utf8.map { TokenID($0) })
            }
            return result
        }
    }
}

/// Runs `body` with a database that holds an empty queue, and with files.
func withTestDatabase<T>(_ body: (String, TestFiles) async throws -> T) async throws -> T {
    try await TestDatabase.withDatabase { url in
        try await withConnection(url) { _ = try await Migrator($0).migrate() }
        return try await TestFiles.with { try await body(url, $0) }
    }
}

/// Runs `body` with a connection, closed afterward.
func withConnection<T>(_ url: String, _ body: (PostgresConnection) async throws -> T) async throws -> T {
    let connection = PostgresConnection(
        PostgresConfiguration(connectionString: url), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    do {
        let result = try await body(connection)
        await connection.close()
        return result
    } catch {
        await connection.close()
        throw error
    }
}

/// Runs `body` with an empty queue, its connection, and files.
func withTestQueue<T>(_ body: (Queue, PostgresConnection, TestFiles) async throws -> T) async throws -> T {
    try await withTestDatabase { url, files in
        try await withConnection(url) { try await body(Queue($0), $0, files) }
    }
}
