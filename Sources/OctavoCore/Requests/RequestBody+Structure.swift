/// What a body says about the form of its answer.
extension RequestFields {
    /// What the text is held to, in OpenAI's words (`response_format`) or in vLLM's (`structured_outputs`, and the older
    /// `guided_json`, `guided_regex` and `guided_choice`).
    func structure() throws(RequestError) -> OutputStructure? {
        var structures = [try responseFormat()].compactMap(\.self)
        if let given = value("structured_outputs") {
            structures += try structuredOutputs(given)
        }
        for key in ["json", "regex", "choice"] {
            guard let value = value("guided_\(key)") else { continue }
            structures.append(try structure(key, value, parameter: "guided_\(key)"))
        }
        guard structures.count < 2 else {
            throw RequestError(
                "asks for a structure, as \(structures[0].parameter) does: give only one",
                parameter: structures[1].parameter)
        }
        return structures.first
    }

    private func responseFormat() throws(RequestError) -> OutputStructure? {
        guard let format = value("response_format") else { return nil }
        guard format.objectValue != nil else {
            throw wrongType("response_format", expected: "an object", found: format)
        }
        switch format["type"]?.stringValue {
        case "text": return nil
        case "json_object": return OutputStructure(.jsonObject, parameter: "response_format")
        case "json_schema":
            let place = "response_format.json_schema"
            guard let named = format["json_schema"] else { throw RequestError("missing", parameter: place) }
            guard named.objectValue != nil else { throw wrongType(place, expected: "an object", found: named) }
            guard let schema = named["schema"] else { throw RequestError("missing", parameter: "\(place).schema") }
            return OutputStructure(.jsonSchema(schema), parameter: "\(place).schema")
        default:
            throw RequestError(
                "must be \"text\", \"json_object\" or \"json_schema\"", parameter: "response_format.type",
                code: "unsupported_parameter")
        }
    }

    private func structuredOutputs(_ value: JSONValue) throws(RequestError) -> [OutputStructure] {
        guard let object = value.objectValue else {
            throw wrongType("structured_outputs", expected: "an object", found: value)
        }
        var structures: [OutputStructure] = []
        for member in object.members where !member.value.isNull && member.value != false {
            structures.append(
                try structure(member.key, member.value, parameter: "structured_outputs.\(member.key)"))
        }
        return structures
    }

    private func structure(
        _ kind: String, _ value: JSONValue, parameter: String
    ) throws(RequestError) -> OutputStructure {
        switch kind {
        case "json": return OutputStructure(.jsonSchema(try schema(value, parameter: parameter)), parameter: parameter)
        case "json_object": return OutputStructure(.jsonObject, parameter: parameter)
        case "regex":
            guard let pattern = value.stringValue else {
                throw wrongType(parameter, expected: "a string", found: value)
            }
            return OutputStructure(.regex(pattern), parameter: parameter)
        case "choice":
            let texts = value.arrayValue?.compactMap(\.stringValue)
            guard let texts, texts.count == value.arrayValue?.count else {
                throw wrongType(parameter, expected: "an array of strings", found: value)
            }
            return OutputStructure(.choice(texts), parameter: parameter)
        default: throw RequestError("is not supported", parameter: parameter, code: "unsupported_parameter")
        }
    }

    /// A schema, or the text of one, as vLLM takes it.
    private func schema(_ value: JSONValue, parameter: String) throws(RequestError) -> JSONValue {
        guard let text = value.stringValue else { return value }
        do {
            return try JSONValue.parse(text)
        } catch {
            throw RequestError("is not JSON: \(error)", parameter: parameter)
        }
    }
}
