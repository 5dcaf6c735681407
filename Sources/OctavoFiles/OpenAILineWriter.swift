internal import Crypto
internal import OctavoCore
internal import OctavoQueue

/// Writes OpenAI's batch output and error lines.
///
/// Identifiers are derived from what shapes the answers and from the line, so that exporting again, even from another
/// database, gives the same bytes.
struct OpenAILineWriter {
    private let batchKey: String
    private let fixedTime: Int?
    private let includesRequests: Bool

    /// A writer for the lines of one batch.
    ///
    /// - Parameter settings: the batch's, whose seed is by default a hash of its files.
    /// - Parameter fixedTime: the time that all responses give, if not their own.
    /// - Parameter includesRequests: whether a line has the request's body, as `request`.
    init(_ settings: BatchSettings, fixedTime: Int?, includesRequests: Bool = false) {
        batchKey = "\(settings.seed):\(settings.model ?? ""):\(settings.settings)"
        self.fixedTime = fixedTime
        self.includesRequests = includesRequests
    }

    /// Appends the line of a finished request.
    ///
    /// - Parameter body: the response body without `id` and `created`, as the worker stored it.
    /// - Returns: `false`, appending nothing, if the body is not such a response body.
    func appendFinished(_ row: ExportRow, body: String, finishedAt: Int64, to bytes: inout [UInt8]) -> Bool {
        // The worker writes `object` first: splicing there spares parsing the body.
        let kinds = [("chat.completion", "chatcmpl-"), ("text_completion", "cmpl-")]
        for (object, prefix) in kinds {
            let start = "{\"object\":\"\(object)\","
            guard body.utf8.starts(with: start.utf8) else { continue }
            let ids = Identifiers(batchKey: batchKey, row)
            appendHead(row, ids, to: &bytes)
            bytes.append(contentsOf: "{\"status_code\":200,\"request_id\":\"\(ids.request)\",\"body\":".utf8)
            bytes.append(contentsOf: "{\"id\":\"\(prefix)\(ids.response)\",\"object\":\"\(object)\",".utf8)
            bytes.append(contentsOf: "\"created\":\(fixedTime.map(Int64.init) ?? finishedAt),".utf8)
            var body = body
            body.withUTF8 { bytes.append(contentsOf: $0.dropFirst(start.utf8.count)) }
            if let timing = row.timing { append(timing, to: &bytes) }
            bytes.append(contentsOf: "},\"error\":null}\n".utf8)
            return true
        }
        return false
    }

    /// What the answer took, as a member that no reader of OpenAI's lines looks for.
    private func append(_ timing: RequestTiming, to bytes: inout [UInt8]) {
        let members: JSONObject = [
            "queue_seconds": .double(milliseconds(timing.queued)),
            "compute_seconds": .double(milliseconds(timing.result.computing)),
            "core_seconds": .double(milliseconds(timing.result.coreSeconds)),
        ]
        bytes.append(contentsOf: ",\"octavo\":".utf8)
        JSONValue.object(members).write(to: &bytes)
    }

    private func milliseconds(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }

    /// Appends the line of a failed request.
    ///
    /// - Parameter error: OpenAI's error object as JSON; any other text becomes the message of one.
    func appendFailed(_ row: ExportRow, kind: String, statusCode: Int, error: String, to bytes: inout [UInt8]) {
        let object: JSONValue =
            (try? JSONValue.parse(error))
            ?? ["message": .string(error), "type": "server_error", "param": nil, "code": .string(kind)]
        let ids = Identifiers(batchKey: batchKey, row)
        appendHead(row, ids, to: &bytes)
        bytes.append(contentsOf: "{\"status_code\":\(statusCode),\"request_id\":\"\(ids.request)\",".utf8)
        bytes.append(contentsOf: "\"body\":{\"error\":".utf8)
        object.write(to: &bytes)
        bytes.append(contentsOf: "}},\"error\":null}\n".utf8)
    }

    /// Why a request was given up; the raw value is OpenAI's code.
    enum Surrender: String {
        case cancelled = "batch_cancelled"
        case expired = "batch_expired"

        fileprivate var message: String {
            switch self {
            case .cancelled: "This request was not answered because the batch was cancelled."
            case .expired: "This request could not be answered before the batch's deadline."
            }
        }
    }

    /// Appends the line of a request that was given up with its batch.
    func appendGivenUp(_ row: ExportRow, as reason: Surrender, to bytes: inout [UInt8]) {
        appendHead(row, Identifiers(batchKey: batchKey, row), to: &bytes)
        bytes.append(
            contentsOf: "null,\"error\":{\"code\":\"\(reason.rawValue)\",\"message\":\"\(reason.message)\"}}\n".utf8)
    }

    private func appendHead(_ row: ExportRow, _ ids: Identifiers, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "{\"id\":\"batch_req_\(ids.response)\",\"custom_id\":".utf8)
        JSONValue.string(row.customID).write(to: &bytes)
        if includesRequests, let request = row.body {
            bytes.append(contentsOf: ",\"request\":".utf8)
            bytes.append(contentsOf: request.utf8)
        }
        bytes.append(contentsOf: ",\"response\":".utf8)
    }
}

extension OpenAILineWriter: LineWriter {
    var needsRequestBodies: Bool { includesRequests }

    func append(_ answered: AnsweredRequest, to bytes: inout [UInt8]) throws(RowProblem) -> WrittenLines {
        guard appendFinished(answered.row, body: answered.response, finishedAt: answered.finishedAt, to: &bytes) else {
            throw .malformed
        }
        return WrittenLines(lines: 1)
    }
}

/// The identifiers of one line: two halves of a SHA-256.
private struct Identifiers {
    let response: String
    let request: String

    init(batchKey: String, _ row: ExportRow) {
        let digest = SHA256.hash(data: Array("\(row.line):\(row.customID):\(batchKey)".utf8))
        response = hexadecimal(digest.prefix(16))
        request = hexadecimal(digest.dropFirst(16))
    }
}
