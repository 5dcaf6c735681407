import Crypto
import Foundation

/// What is compared of a results file.
struct ResultDigest: Equatable {
    /// SHA-256 of the file as it is.
    let file: String
    /// SHA-256 of the lines sorted, without the ids, which are derived from a line's place in its file.
    let answers: String
    /// How many lines there are.
    let lines: Int

    init(_ text: String) {
        let ids = /(batch_req_|chatcmpl-|cmpl-|"request_id":")[0-9a-f]{32}/
        let lines = text.split(separator: "\n").map { $0.replacing(ids) { $0.output.1 } }
        self.lines = lines.count
        file = Self.sha256(text)
        answers = Self.sha256(lines.sorted().joined(separator: "\n"))
    }

    private static func sha256(_ text: String) -> String {
        SHA256.hash(data: Data(text.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
