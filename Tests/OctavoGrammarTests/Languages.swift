import Foundation
import OctavoCore
import OctavoGrammar
import OctavoTestSupport
import OctavoTokenizer
import Testing

extension OutputStructure.Language {
    /// A schema in JSON.
    static func schema(_ text: String) throws -> Self { .jsonSchema(try JSONValue.parse(text)) }

    /// Whether a text is one of the language's, read byte by byte.
    func accepts(_ text: String) throws -> Bool { try accepts(Array(text.utf8)) }

    /// Whether bytes are a text of the language.
    func accepts(_ bytes: [UInt8]) throws -> Bool {
        var matcher = try SingleBytes.library.matcher(
            for: OutputStructure(self, parameter: "test"), isAlone: true)
        for byte in bytes {
            guard try matcher.advance(over: [byte]) else { return false }
        }
        return matcher.isComplete
    }

    /// Why the language is refused; `nil` if it is not.
    func refusal() -> String? {
        do {
            try StructureChecks().check(OutputStructure(self, parameter: "schema"))
            return nil
        } catch {
            return error.description
        }
    }
}

/// A vocabulary of single bytes: token i is the byte i.
struct SingleBytes: TokenDecoding {
    static let library = StructureLibrary(vocabularySize: 256, decoding: SingleBytes())

    func bytes(of token: TokenID) -> [UInt8] { [UInt8(truncatingIfNeeded: token)] }
    func isSpecial(_ token: TokenID) -> Bool { false }
}

/// Vocabularies to try structures on.
enum Vocabularies {
    /// Our own small one, and those of the models where `$OCTAVO_TOKENIZER_JSON_DIR` has them.
    static let names = ["tiny"] + (realFolder == nil ? [] : ["smollm2", "llama3"])

    private static let realFolder = ProcessInfo.processInfo.environment["OCTAVO_TOKENIZER_JSON_DIR"]
        .flatMap { FileManager.default.fileExists(atPath: "\($0)/llama3.tokenizer.json") ? $0 : nil }

    static func tokenizer(_ name: String) throws -> Tokenizer {
        let tiny = TestPaths.packageRoot.appending(
            path: "Tests/OctavoTokenizerTests/Fixtures/tiny-smollm.tokenizer.json")
        let path = name == "tiny" ? tiny.path : "\(realFolder ?? "")/\(name).tokenizer.json"
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        return try Tokenizer(TokenizerDefinition(tokenizerJSON: bytes, path: path))
    }
}
