import Foundation
import OctavoCore

/// The files that chat tests read: our own beside the tests, third-party ones where the shared fixtures are.
enum ChatFixtures {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    /// `chat` of the shared fixtures, if they are on this machine.
    static let shared: URL? = {
        let package = folder.appending(path: "../../..").standardizedFileURL
        let named = ProcessInfo.processInfo.environment["OCTAVO_SHARED_FIXTURES"].map { URL(filePath: $0) }
        let root = named ?? package.appending(path: "../shared/fixtures").standardizedFileURL
        let chat = root.appending(path: "chat")
        return FileManager.default.fileExists(atPath: chat.path) ? chat : nil
    }()

    static let areShared = shared != nil

    /// The lines of one of our own fixtures.
    static func ownLines(_ name: String) throws -> [JSONValue] {
        try lines(of: folder.appending(path: "Fixtures/\(name)"))
    }

    /// The lines of a shared fixture.
    static func sharedLines(_ name: String) throws -> [JSONValue] {
        guard let shared else { return [] }
        return try lines(of: shared.appending(path: name))
    }

    /// A model's template.
    static func templateSource(_ name: String) throws -> String {
        guard let shared else { return "" }
        return try String(contentsOf: shared.appending(path: "templates/\(name).jinja"), encoding: .utf8)
    }

    private static func lines(of file: URL) throws -> [JSONValue] {
        try Data(contentsOf: file).split(separator: UInt8(ascii: "\n")).map { try JSONValue.parse($0) }
    }

    /// The moment of an ISO 8601 time without a zone, in UTC.
    static func date(_ text: String) throws -> Date {
        try Date(text + "Z", strategy: .iso8601)
    }
}
