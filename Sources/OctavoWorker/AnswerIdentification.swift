import Crypto
import OctavoCore
import OctavoQueue

/// Tells which requests have the same answer from one model.
struct AnswerIdentification: Sendable {
    private let model: JSONValue

    /// - Parameter responses: what the bodies of the model's answers have of it.
    init(_ responses: ResponseBody) {
        model = [
            "model": .string(responses.model), "fingerprint": .string(responses.systemFingerprint),
            "reportsCachedTokens": .bool(responses.reportsCachedTokens),
        ]
    }

    /// The identity of a request's answer; `nil` if it depends on chance.
    ///
    /// It is the first half of a SHA-256 (FIPS 180-4): two of a million million different requests have the same one with a
    /// probability of one in 10^14.
    func identity(of request: EncodedRequest, rules: OutputRules?) -> AnswerIdentity? {
        guard let parameters = request.fixedParameters(rules: rules) else { return nil }
        var hash = SHA256()
        hash.update(data: Array(JSONValue.array([model, parameters]).jsonText.utf8))
        for prompt in request.prompts {
            withUnsafeBytes(of: UInt64(prompt.count).littleEndian) { hash.update(bufferPointer: $0) }
            prompt.withUnsafeBytes { hash.update(bufferPointer: $0) }
        }
        return AnswerIdentity(bytes: Array(hash.finalize().prefix(16)))
    }
}
