import Foundation
import OctavoCore
import OctavoFiles

/// JSON objects from stdin, one a line.
enum JSONLines {
    /// Calls `body` for every line of stdin that is not blank.
    ///
    /// - Throws: status 65 with the line's number when a line is not a JSON object, or `body` finds it wrong.
    static func forEach(_ body: (Int, JSONObject) throws -> Void) throws {
        let reader = FileLineReader(descriptor: STDIN_FILENO)
        var number = 0
        while let line = reader.next() {
            number += 1
            guard line.contains(where: { $0 > 0x20 }) else { continue }
            do {
                guard let object = try JSONValue.parse(line).objectValue else {
                    throw CommandFailure(.badData, "<stdin>:\(number): not a JSON object")
                }
                try body(number, object)
            } catch let error as JSONParseError {
                throw CommandFailure(.badData, "<stdin>:\(number): not JSON: \(error)")
            } catch let error as RequestError {
                throw CommandFailure(.badData, "<stdin>:\(number): \(error)")
            }
        }
    }
}

/// Lines of a descriptor, without their newlines.
private final class FileLineReader {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    init(descriptor: Int32) { self.descriptor = descriptor }

    func next() -> [UInt8]? {
        var searched = start
        while true {
            if let newline = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = newline + 1 }
                return Array(buffer[start..<newline])
            }
            if isAtEnd {
                defer { start = buffer.count }
                return start < buffer.count ? Array(buffer[start...]) : nil
            }
            searched = buffer.count - start
            fill()
        }
    }

    private func fill() {
        buffer.removeFirst(start)
        start = 0
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &chunk, chunk.count)
        if count > 0 {
            buffer.append(contentsOf: chunk[..<count])
        } else if count == 0 || errno != EINTR {
            isAtEnd = true
        }
    }
}

extension JSONObject {
    /// The token ids at `key`.
    ///
    /// - Throws: `RequestError` when they are missing, or not in a vocabulary of `vocabularySize`.
    func tokenIDs(_ key: String, vocabularySize: Int) throws(RequestError) -> [TokenID] {
        guard let elements = self[key]?.arrayValue else {
            throw RequestError("missing: give an array of token ids", parameter: key)
        }
        var ids: [TokenID] = []
        for (index, element) in elements.enumerated() {
            guard let id = element.integerValue, id >= 0, id < vocabularySize else {
                throw RequestError("is no token id below \(vocabularySize)", parameter: "\(key)[\(index)]")
            }
            ids.append(TokenID(id))
        }
        return ids
    }
}
