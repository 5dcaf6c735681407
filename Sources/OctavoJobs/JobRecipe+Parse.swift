public import OctavoCore

extension JobRecipe {
    /// Parameters of a body that a recipe may set, beside those that it makes itself.
    static let parameters = RequestParameter.all.filter { $0.treatment == .honored }.map(\.name)
        .filter { !["messages", "prompt", "model"].contains($0) }

    /// Parses a recipe.
    ///
    /// - Parameter file: its name, for messages, and without extension the recipe's default name.
    /// - Throws: `JobError` with file, line and key.
    public init(yaml: String, file: String) throws(JobError) {
        let base = file.split(separator: "/").last.map(String.init) ?? file
        let name = base.lastIndex(of: ".").map { String(base[..<$0]) } ?? base
        try self.init(JobDocument(yaml: yaml, file: file), defaultName: name)
    }

    /// The recipe that is stored with a batch.
    ///
    /// - Throws: `JobError` if it is none: the database was changed by hand, or by a newer Octavo.
    public init(stored: JSONValue) throws(JobError) {
        let object = stored.objectValue ?? JSONObject()
        try self.init(JobDocument(stored: object, name: "the stored recipe"), defaultName: "job")
    }

    private init(_ document: JobDocument, defaultName: String) throws(JobError) {
        let fields = JobFields(document, document.root)
        try fields.allow(only: [
            "name", "description", "endpoint", "input", "messages", "system", "prompt", "few_shot", "sampling",
            "variants", "schema", "retry", "reuse", "filters", "dedup", "output",
        ])
        let input = try fields.fields("input")
        try input?.allow(only: ["format", "id"])
        name = try fields.string("name") ?? defaultName
        summary = try fields.string("description")
        rowFormat = try input?.word("format", as: RowFormat.self)
        idColumn = try input?.string("id")
        endpoint = try Self.endpoint(fields)
        (turns, prompt) = try Self.prompt(fields, endpoint)
        examples = try Self.examples(fields)
        sampling = try Self.sampling(fields, "sampling")
        variants = try Self.variants(fields)
        schema = try Self.schema(fields)
        rules = try Self.rules(fields, schema: schema)
        reusesAnswers = try fields.bool("reuse") ?? true
        output = try JobOutput(fields, variants: variants.map(\.name), schema: schema)
        var object = document.root
        object["name"] = .string(name)
        json = .object(object)
        try check(fields)
    }

    private static func endpoint(_ fields: JobFields) throws(JobError) -> Endpoint {
        guard let text = try fields.string("endpoint") else { return .chatCompletions }
        let short = ["chat": Endpoint.chatCompletions, "completions": .completions]
        guard let endpoint = short[text] ?? Endpoint(rawValue: text) else {
            throw fields.unknownWord("endpoint", text, ["chat", "completions"])
        }
        return endpoint
    }

    private static func template(_ fields: JobFields, _ key: String) throws(JobError) -> JobTemplate? {
        guard let text = try fields.string(key) else { return nil }
        return try JobTemplate(text, at: key, of: fields)
    }

    /// The turns before the prompt, and the prompt: the last turn of a chat, or the text of a completion.
    private static func prompt(
        _ fields: JobFields, _ endpoint: Endpoint
    ) throws(JobError) -> (turns: [Turn], prompt: JobTemplate) {
        guard let prompt = try template(fields, "prompt") else {
            throw fields.error("prompt", "missing", "Give the template of the prompt.")
        }
        var turns: [Turn] = []
        if let system = try template(fields, "system") { turns.append(Turn(role: "system", content: system)) }
        for message in try fields.list("messages") {
            try message.allow(only: ["role", "content"])
            guard let role = try message.string("role") else {
                throw message.error("role", "missing", "Give every message a role, such as user.")
            }
            guard let content = try template(message, "content") else {
                throw message.error("content", "missing", "Give every message its template.")
            }
            turns.append(Turn(role: role, content: content))
        }
        if endpoint == .completions, !turns.isEmpty {
            throw fields.error(
                fields.value("system") == nil ? "messages" : "system", "is for chats, but the endpoint is completions",
                "Put the text into the prompt, or change the endpoint.")
        }
        return (turns, prompt)
    }

    private static func examples(_ fields: JobFields) throws(JobError) -> [JSONObject] {
        try fields.list("few_shot").map { (example) throws(JobError) in
            guard try example.string("answer") != nil else {
                throw example.error("answer", "missing", "Give every example the columns of a row, and its answer.")
            }
            return example.object
        }
    }

    private static func sampling(_ fields: JobFields, _ key: String) throws(JobError) -> JSONObject {
        guard let sampling = try fields.fields(key) else { return JSONObject() }
        try sampling.allow(only: parameters)
        return sampling.object
    }

    private static func variants(_ fields: JobFields) throws(JobError) -> [Variant] {
        guard let given = try fields.fields("variants") else {
            return [Variant(name: soleVariant, parameters: JSONObject())]
        }
        guard (1...16).contains(given.object.keys.count) else {
            throw fields.error("variants", "must name 1 to 16 variants", "Remove the key, or some of them.")
        }
        return try given.object.keys.map { (name) throws(JobError) in
            Variant(name: name, parameters: try sampling(given, name))
        }
    }

    private static func schema(_ fields: JobFields) throws(JobError) -> JSONValue? {
        try fields.fields("schema").map { .object($0.object) }
    }

    private static func rules(_ fields: JobFields, schema: JSONValue?) throws(JobError) -> OutputRules? {
        guard let retry = try fields.fields("retry") else { return nil }
        try retry.allow(only: ["when", "attempts", "then"])
        var conditions: [OutputRules.Condition] = []
        for word in try retry.strings("when") ?? [] {
            guard let condition = OutputRules.Condition(rawValue: word) else {
                throw retry.unknownWord("when", word, OutputRules.Condition.allCases.map(\.rawValue))
            }
            conditions.append(condition)
        }
        guard !conditions.isEmpty else {
            throw retry.error("when", "missing", "Name what is tried again, such as [schema, length].")
        }
        if conditions.contains(.schema), schema == nil {
            throw retry.error("when", "has schema, but the recipe has none", "Add the key schema.")
        }
        let attempts = try retry.integer("attempts", atLeast: 0) ?? 1
        guard attempts < 100 else { throw retry.error("attempts", "must be below 100", "Lower it.") }
        let then = try retry.string("then") ?? "fail"
        guard ["keep", "fail"].contains(then) else { throw retry.unknownWord("then", then, ["fail", "keep"]) }
        return OutputRules(
            conditions, retries: attempts, keepsLast: then == "keep", schema: schema.map(JSONSchemaCheck.init))
    }

    /// Finds mistakes that would show as an error of every row.
    private func check(_ fields: JobFields) throws(JobError) {
        for index in examples.indices {
            do throws(JobTemplate.MissingColumn) {
                _ = try prompt.render(examples[index])
            } catch {
                throw fields.error(
                    "few_shot[\(index)]", "has no \(error.name), which the prompt needs", "Add the column.")
            }
        }
        for variant in variants {
            do throws(RequestError) {
                _ = try RequestBody.parse(
                    body(prompt: "x", turns: [], variant: variant, row: nil), defaults: sampling)
            } catch {
                let key = error.parameter ?? "sampling"
                let place = variant.parameters[key] == nil ? "sampling.\(key)" : "variants.\(variant.name).\(key)"
                throw fields.error(place, error.message, "Correct the value or remove it.")
            }
        }
    }
}
