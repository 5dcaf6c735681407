internal import OctavoCore

/// A file that lists every invalid line, as one JSON object a line.
final class InvalidLineLog {
    private let file: AtomicFile

    init(path: String) throws(BatchFileError) { file = try AtomicFile(path: path) }

    func append(_ error: BatchFileError) throws(BatchFileError) {
        let entry: JSONValue = [
            "file": .string(error.file), "line": error.line.map(JSONValue.integer) ?? .null,
            "field": error.field.map(JSONValue.string) ?? .null, "reason": .string(error.reason),
            "remedy": .string(error.remedy),
        ]
        try file.append { bytes in
            entry.write(to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        }
    }

    func commit() throws(BatchFileError) {
        try file.finish()
        try file.commit()
    }
}
