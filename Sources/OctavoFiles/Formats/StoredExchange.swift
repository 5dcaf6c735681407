internal import OctavoCore

/// A finished request: what was asked, and the choices of the response, as many as were asked for.
struct StoredExchange: Sendable {
    /// What was asked.
    var request: RequestBody
    /// The response without `id` and `created`.
    var response: JSONValue
    /// The response's choices.
    var choices: [JSONValue]

    /// - Parameter defaults: the batch's settings, which count where the request has none.
    /// - Throws: `RowProblem.malformed` where these are no request and no response to it.
    init(request: String?, response: String, defaults: JSONObject) throws(RowProblem) {
        // Whether so many log-probabilities may be asked for was decided when the request was queued.
        guard let request, let body = try? JSONValue.parse(request).objectValue,
            let request = try? RequestBody.parse(body, defaults: defaults, maximumLogprobs: .max),
            let response = try? JSONValue.parse(response), let choices = response["choices"]?.arrayValue,
            choices.count == request.choiceCount
        else { throw .malformed }
        self.request = request
        self.response = response
        self.choices = choices
    }
}
