import Foundation
import OctavoCore
import OctavoTokenizer
import Testing

/// The files these tests read: ours beside this file, others' where the environment says.
enum TokenizerFixtures {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    /// Our copies of the tiny models' vocabularies, and two more that were trained for these tests.
    static let tinyNames = ["tiny-tied", "tiny-untied", "tiny-llama31", "tiny-smollm", "tiny-gpt2"]

    /// The references' cases for the real vocabularies; `nil` where they are not at hand.
    static let shared: URL? = existing(
        environment("OCTAVO_SHARED_FIXTURES").map { URL(fileURLWithPath: $0).appending(path: "tokenizer") }
            ?? packageRoot.appending(path: "../shared/fixtures/tokenizer"))

    /// A folder with `llama3.tokenizer.json` and `smollm2.tokenizer.json`, and perhaps Llama 3's `tokenizer.model`.
    static let realVocabularies: URL? = environment("OCTAVO_TOKENIZER_JSON_DIR").flatMap {
        existing(URL(fileURLWithPath: $0))
    }

    static func definition(_ name: String) throws -> TokenizerDefinition {
        let file = folder.appending(path: "\(name).tokenizer.json")
        return try TokenizerDefinition(tokenizerJSON: bytes(of: file), path: file.path)
    }

    /// What Hugging Face tokenizers says, a text per line.
    static func cases() throws -> [JSONValue] { try lines(of: folder.appending(path: "cases.jsonl")) }

    static func bytes(of file: URL) throws -> [UInt8] { [UInt8](try Data(contentsOf: file)) }

    static func lines(of file: URL) throws -> [JSONValue] {
        try bytes(of: file).split(separator: UInt8(ascii: "\n")).map { try JSONValue.parse($0) }
    }

    private static let packageRoot = folder.appending(path: "../../..").standardizedFileURL

    private static func environment(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }

    private static func existing(_ url: URL) -> URL? {
        FileManager.default.fileExists(atPath: url.path) ? url : nil
    }
}

extension JSONValue {
    /// The token ids in an array of numbers.
    func tokenIDs() throws -> [TokenID] {
        try #require(arrayValue).map { TokenID(try #require($0.integerValue)) }
    }

    /// The strings in an array of them.
    func strings() throws -> [String] {
        try #require(arrayValue).map { try #require($0.stringValue) }
    }
}

extension String {
    /// Whether both are the same bytes; `==` would take canonically equivalent spellings for equal.
    func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
