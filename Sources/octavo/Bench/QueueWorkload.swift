import Foundation
import OctavoCore
import OctavoQueue

/// Requests and answers of a given size, the same every time.
struct QueueWorkload: Sendable {
    /// UTF-8 bytes of a prompt.
    var promptBytes = 600
    /// UTF-8 bytes of an answer's body.
    var completionBytes = 1200

    /// The prompt of a line, from 1: words of three syllables, of which some are much more frequent than others.
    func prompt(line: Int) -> String {
        var state = UInt64(line) &* 0x9E37_79B9_7F4A_7C15
        var text: [UInt8] = []
        text.reserveCapacity(promptBytes + 16)
        while text.count < promptBytes {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // The least of two numbers: small ones are likelier.
            let word = min(state >> 33 & 0xFFF, state >> 45 & 0xFFF)
            for syllable in [word & 15, word >> 4 & 15, word >> 8] {
                text.append(contentsOf: Self.syllables[Int(syllable)])
            }
            text.append(UInt8(ascii: " "))
        }
        return String(decoding: text.prefix(promptBytes), as: UTF8.self)
    }

    private static let syllables = [
        "ba", "con", "der", "el", "fi", "ger", "ho", "in", "ka", "lo", "men", "no", "pre", "ri", "sta", "tion",
    ].map { Array($0.utf8) }

    /// The name of a line.
    static func customID(line: Int) -> String { "row-\(line)" }

    /// Some lines as the queue stores them.
    func rows(_ lines: Range<Int>) -> [RequestRow] {
        lines.map { line in
            RequestRow(
                line: line, promptTokens: promptBytes / 4 + line % 7, maximumNewTokens: completionBytes / 4,
                customID: Self.customID(line: line), body: Array("{\"prompt\":\"\(prompt(line: line))\"}".utf8))
        }
    }

    /// Writes a file of requests.
    func write(lines: Int, to file: URL) throws {
        guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
            throw CommandFailure(.cannotWrite, "\(file.path): cannot be written")
        }
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        var bytes: [UInt8] = []
        for line in 1...lines {
            bytes.append(
                contentsOf: "{\"custom_id\":\"\(Self.customID(line: line))\",\"prompt\":\"\(prompt(line: line))\"}\n"
                    .utf8)
            guard bytes.count > 1 << 20 || line == lines else { continue }
            try handle.write(contentsOf: bytes)
            bytes.removeAll(keepingCapacity: true)
        }
    }

    /// The body of every answer: a response of OpenAI's form.
    var completion: [UInt8] {
        let start = #"{"object":"text_completion","choices":[{"finish_reason":"stop","index":0,"text":""#
        let end = #""}],"model":"null","usage":{"completion_tokens":300,"prompt_tokens":150,"total_tokens":450}}"#
        let text = String(repeating: "all work and no play ", count: completionBytes / 21 + 1)
        return Array((start + text.prefix(max(0, completionBytes - start.utf8.count - end.utf8.count)) + end).utf8)
    }
}
