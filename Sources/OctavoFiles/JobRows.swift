internal import OctavoCore
internal import OctavoJobs

/// Turns rows of any columns into requests, by a recipe.
struct JobRows: Sendable {
    private let recipe: JobRecipe
    /// The header of each file; `nil` for a file of JSON lines.
    private let headers: [[String]?]

    /// Reads the headers of the files that have one.
    ///
    /// - Throws: `BatchFileError` for a header that is missing, malformed, or names a column twice.
    init(_ recipe: JobRecipe, files: [InputFile]) throws(BatchFileError) {
        self.recipe = recipe
        var headers: [[String]?] = []
        for file in files { headers.append(file.format == .csv ? try Self.header(of: file) : nil) }
        self.headers = headers
    }

    /// The number of a request in its batch: that of its line where every line is one request.
    static func requestNumber(line: Int, _ index: Int, of count: Int) -> Int { (line - 1) * count + index + 1 }

    /// Whether a line is the header of its file.
    func isHeader(_ line: BatchFileReader.Line) -> Bool { line.number == 1 && headers[line.end.file] != nil }

    /// The requests of a row.
    ///
    /// - Throws: `BatchFileError` that names the line and the column.
    func requests(
        of line: BatchFileReader.Line, by validator: RequestValidator
    ) throws(BatchFileError) -> [ValidatedRequest] {
        do throws(LineProblem) {
            let rendered = try render(row(line), number: line.ordinal)
            var requests: [ValidatedRequest] = []
            for request in rendered {
                try validator.checkName(request.customID, key: "custom_id")
                var checked = try validator.checked(request.body, customID: request.customID, line: line.number)
                // The columns, for the export.
                checked.unknownMembers.removeAll { $0 == "row" }
                requests.append(checked)
            }
            return requests
        } catch {
            throw BatchFileError(error, in: line)
        }
    }

    /// Reads again a row that became requests.
    ///
    /// - Throws: `BatchFileError` if it becomes none, and so is not what it was.
    func reread(_ line: BatchFileReader.Line) throws(BatchFileError) -> [RereadRequest] {
        do throws(LineProblem) {
            return try render(row(line), number: line.ordinal).map { request in
                RereadRequest(customID: request.customID, body: JSONValue.object(request.body).utf8)
            }
        } catch {
            throw BatchFileError(error, in: line)
        }
    }

    private func render(_ row: JSONObject, number: Int) throws(LineProblem) -> [RenderedRequest] {
        do throws(RowError) {
            return try recipe.requests(for: row, number: number)
        } catch {
            throw LineProblem(error.column, error.reason, error.remedy)
        }
    }

    private func row(_ line: BatchFileReader.Line) throws(LineProblem) -> JSONObject {
        guard let header = headers[line.end.file] else { return try RequestValidator.parse(line) }
        let fields = try Self.fields(line, header)
        guard fields.count == header.count else {
            throw LineProblem(
                nil, "has \(fields.count) fields, but the header has \(header.count)",
                "Give every column its field; put fields with commas into quotes.")
        }
        return JSONObject(members: zip(header, fields).map { JSONObject.Member(key: $0, value: .string($1)) })
    }

    private static func header(of file: InputFile) throws(BatchFileError) -> [String] {
        var reader = BatchFileReader([file])
        guard let line = try reader.next(), !line.isBlank else {
            throw BatchFileError(
                file: file.name, line: 1, reason: "has no header",
                remedy: "Begin the file with the names of its columns, separated by commas.")
        }
        do throws(LineProblem) {
            let names = try fields(line, nil)
            for (index, name) in names.enumerated() {
                guard !name.isEmpty else {
                    throw LineProblem("column \(index + 1)", "has no name", "Name every column in the header.")
                }
                guard names.firstIndex(of: name) == index else {
                    throw LineProblem(name, "names two columns", "Give every column its own name.")
                }
            }
            return names
        } catch {
            throw BatchFileError(error, in: line)
        }
    }

    private static func fields(_ line: BatchFileReader.Line, _ header: [String]?) throws(LineProblem) -> [String] {
        try RequestValidator.checkText(of: line)
        do throws(CSVRecord.Problem) {
            return try CSVRecord.fields(of: line.bytes)
        } catch {
            let name = header.flatMap { $0.indices.contains(error.field - 1) ? $0[error.field - 1] : nil }
            throw LineProblem(name ?? "column \(error.field)", error.reason, error.remedy)
        }
    }
}
