internal import OctavoCore
internal import OctavoJobs
internal import OctavoQueue

/// Brings the answers to the requests of each row together, as they come in the order of the input.
struct AnswerGroups {
    private let requestsPerRow: Int
    private var group: [RowAnswer] = []
    private var current = 0

    init(requestsPerRow: Int) { self.requestsPerRow = requestsPerRow }

    /// Takes in an answer; returns all answers to its row when it was the last one missing.
    ///
    /// - Parameter line: the request's number in its batch, from 1.
    mutating func add(_ answer: RowAnswer, line: Int) -> [RowAnswer]? {
        let row = (line - 1) / requestsPerRow
        // Of the row before, a request has not been answered.
        if row != current { group = [] }
        current = row
        group.append(answer)
        guard group.count == requestsPerRow else { return nil }
        defer { group = [] }
        return group
    }
}

extension RowAnswer {
    /// A finished request with its body; `nil` if either is not what a worker stores.
    init?(_ row: ExportRow, response: String) {
        guard let response = try? JSONValue.parse(response), response["choices"]?.arrayValue != nil,
            let body = try? JSONValue.parse(row.body ?? "")
        else { return nil }
        var columns = body["row"]?.objectValue ?? JSONObject()
        if body["row"] == nil { for key in ["prompt", "messages"] { columns[key] = body[key] } }
        self.init(customID: row.customID, row: columns, response: response)
    }
}
