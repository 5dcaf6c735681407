public import OctavoCore

/// A request that a row became.
public struct RenderedRequest: Sendable {
    /// Its name, unique in the batch if the row's is.
    public var customID: String
    /// Its body, with the row's columns as the member `row`, which engines ignore and exports read.
    public var body: JSONObject
}

/// Why a row became no request.
public struct RowError: Error, Sendable, Hashable {
    /// The column at fault.
    public var column: String
    /// What is wrong, as a phrase.
    public var reason: String
    /// What to do, as a sentence.
    public var remedy: String
}

extension JobRecipe {
    /// What holds answers to a schema while they are generated.
    private static func responseFormat(for schema: JSONValue) -> JSONValue {
        ["type": "json_schema", "json_schema": ["name": "answer", "strict": true, "schema": schema]]
    }

    /// The requests of a row.
    ///
    /// - Parameter number: the row's, for the name of a row that has none.
    /// - Throws: `RowError` naming the first column that is missing or of no use.
    public func requests(for row: JSONObject, number: Int) throws(RowError) -> [RenderedRequest] {
        let name = try customID(of: row, number: number)
        if let column = output.columns(neededOf: variants.map(\.name)).first(where: { row.value(at: $0) == nil }) {
            throw RowError(
                column: column, reason: "missing, but an output column needs it",
                remedy: "Add the column, or change the recipe's output.")
        }
        let text: String
        var messages: [JSONValue] = []
        do throws(JobTemplate.MissingColumn) {
            text = try prompt.render(row)
            for turn in turns { messages.append(Self.message(turn.role, try turn.content.render(row))) }
        } catch {
            throw RowError(
                column: error.name, reason: "missing",
                remedy: "Give the row the column, or put the tag into a section {{#\(error.name)}}…{{/\(error.name)}}.")
        }
        return variants.map { variant in
            RenderedRequest(
                customID: variants.count == 1 ? name : "\(name):\(variant.name)",
                body: body(prompt: text, turns: messages, variant: variant, row: row))
        }
    }

    private func customID(of row: JSONObject, number: Int) throws(RowError) -> String {
        for column in idColumn.map({ [$0] }) ?? ["custom_id", "id"] {
            switch row.value(at: column) {
            case .string(let text)?: return text
            case .integer(let integer)?: return String(integer)
            case .bigInteger(let digits)?: return digits
            case let value?:
                throw RowError(
                    column: column, reason: "must be text or a whole number, found \(value.typeName)",
                    remedy: "Correct it; it names the request.")
            case nil where idColumn != nil:
                throw RowError(
                    column: column, reason: "missing", remedy: "It names the request: give every row its own.")
            case nil: continue
            }
        }
        return "row-\(number)"
    }

    func body(prompt text: String, turns: [JSONValue], variant: Variant, row: JSONObject?) -> JSONObject {
        var body = JSONObject()
        if endpoint == .chatCompletions {
            var messages = turns
            for example in examples {
                messages.append(Self.message("user", (try? prompt.render(example)) ?? ""))
                messages.append(Self.message("assistant", example["answer"]?.stringValue ?? ""))
            }
            messages.append(Self.message("user", text))
            body["messages"] = .array(messages)
        } else {
            let blocks = examples.map { example in
                ((try? prompt.render(example)) ?? "") + (example["answer"]?.stringValue ?? "") + "\n\n"
            }
            body["prompt"] = .string(blocks.joined() + text)
        }
        for member in variant.parameters.members { body[member.key] = member.value }
        if let schema { body["response_format"] = Self.responseFormat(for: schema) }
        body["row"] = row.map(JSONValue.object)
        return body
    }

    private static func message(_ role: String, _ content: String) -> JSONValue {
        ["role": .string(role), "content": .string(content)]
    }
}
