import Foundation
import OctavoCore
import OctavoTestSupport
import Testing

/// Whether `docs/parameters.md` says what is true.
@Suite struct ParameterTableTests {
    /// A row of the table, at one endpoint.
    struct Row: Sendable, CustomStringConvertible {
        var name: String
        var endpoint: Endpoint
        var treatment: String
        var example: JSONObject
        var description: String { "\(name) at \(endpoint.rawValue)" }
    }

    static let rows: [Row] = {
        let path = TestPaths.packageRoot.appending(path: "docs/parameters.md")
        guard let text = try? String(contentsOf: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap(rows)
    }()

    private static func rows(_ line: Substring) -> [Row] {
        let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        let endpoints = ["chat": [Endpoint.chatCompletions], "completions": [.completions], "both": Endpoint.allCases]
        return (endpoints[cells[1]] ?? []).compactMap { endpoint in
            let isChat = endpoint == .chatCompletions
            let example = cells[3].trimmingCharacters(in: ["`"])
                .replacing("LOGPROBS", with: isChat ? "true" : "3").replacing("AS_NOT_DEFAULT", with: "\(isChat)")
            let object = try? JSONValue.parse("{\(example)}").objectValue
            return object.map {
                Row(
                    name: cells[0].trimmingCharacters(in: ["`"]), endpoint: endpoint, treatment: cells[2], example: $0)
            }
        }
    }

    @Test func `the table lists every parameter once, with its treatment`() {
        #expect(Set(Self.rows.map(\.name)) == Set(RequestParameter.all.map(\.name)))
        #expect(Set(RequestParameter.all.map(\.name)).count == RequestParameter.all.count)
        for parameter in RequestParameter.all {
            let treatments = Set(Self.rows.filter { $0.name == parameter.name }.map(\.treatment))
            #expect(treatments == [parameter.treatment.rawValue], "\(parameter.name)")
        }
    }

    @Test(arguments: rows)
    func `a parameter does what the table says`(row: Row) throws {
        #expect(row.example[row.name] != nil)
        let with = result(row, example: row.example)
        var example = row.example
        example[row.name] = nil
        let without = result(row, example: example)
        switch row.treatment {
        case "honored":
            #expect(throws: Never.self) { try with.get() }
            #expect((try? with.get()) != (try? without.get()))
        case "ignored":
            var body = try with.get()
            body.serviceTier = nil
            #expect(try body == without.get())
        default:
            let error = #expect(throws: RequestError.self) { try with.get() }
            #expect(error?.parameter == row.name && error?.code == "unsupported_parameter")
        }
        var nulled = example
        nulled[row.name] = .null
        #expect((try? result(row, example: nulled).get()) == (try? without.get()))
    }

    private func result(_ row: Row, example: JSONObject) -> Result<RequestBody, RequestError> {
        var body = example
        let prompt = row.endpoint == .chatCompletions ? "messages" : "prompt"
        if row.name != prompt {
            body[prompt] = prompt == "prompt" ? "x" : [["role": "assistant", "content": "x"]]
        }
        return Result { () throws(RequestError) in try RequestBody.parse(body) }
    }

    @Test func `members that are not in the table are unknown`() {
        #expect(
            RequestParameter.unknown(in: ["prompt": "x", "zeta": 1, "temprature": 2, "n": 1]) == ["temprature", "zeta"])
    }
}
