import Foundation
import OctavoCore
import OctavoTestSupport

/// A file of requests whose answers depend on nothing but themselves: each has a seed of its own.
struct Workload: Sendable, Hashable {
    /// What its file and batch are called.
    var name = "prompts"
    /// How many requests.
    var requests = 300
    /// How many of them are different, and computed if all goes well; the others say the same as one of these. If `nil`,
    /// all are, and none is answered by a copy, whatever was answered before.
    var distinct: Int?
    /// The longest answer, in tokens; the shortest is half as long.
    var longestAnswer = 48
    /// Requests that are bad for their worker, by index, and the character that makes them so.
    var poison: [Int: Character] = [:]
    /// How often a request may fail.
    var maximumAttempts = 4
    /// 0 is urgent.
    var priority = 2

    /// The file's name.
    var fileName: String { "\(name).jsonl" }

    /// The same requests with nothing bad in them: as long, and in the same order.
    var harmless: Workload {
        var workload = self
        workload.poison = workload.poison.mapValues { _ in "x" }
        return workload
    }

    /// What the bad requests are called in the output.
    var poisonIDs: Set<String> { Set(poison.keys.map(Self.customID)) }

    /// The lines of the file.
    var lines: String {
        let bodies = self.bodies
        return (0..<requests).map { index in
            var line = bodies[index % bodies.count]
            line["custom_id"] = .string(Self.customID(index))
            return JSONValue.object(line).jsonText + "\n"
        }.joined()
    }

    /// The lines without names.
    private var bodies: [JSONObject] {
        var random = SeededGenerator(seed: 1)
        return (0..<(distinct ?? requests)).map { index in
            let letters = (0..<Int.random(in: 8...60, using: &random)).map { _ in
                Character(UnicodeScalar(UInt8.random(in: UInt8(ascii: "a")...UInt8(ascii: "z"), using: &random)))
            }
            return [
                "prompt": .string(String(letters) + (poison[index].map { String($0) } ?? "")),
                "max_tokens": .integer(Int.random(in: longestAnswer / 2...longestAnswer, using: &random)),
                "seed": .integer(index), "ignore_eos": true,
            ]
        }
    }

    private static func customID(_ index: Int) -> String { "request-\(index)" }

    /// Writes the file into a directory and returns its path.
    func write(into directory: URL) throws -> String {
        let file = directory.appending(path: fileName)
        try Data(lines.utf8).write(to: file)
        return file.path
    }
}
