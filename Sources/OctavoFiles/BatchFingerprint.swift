internal import Crypto
internal import OctavoCore
internal import OctavoJobs

/// What makes two submissions the same batch: the files' bytes, which lines of them are queued, and all that shapes the
/// answers.
struct BatchFingerprint {
    /// 64 hexadecimal digits.
    let key: String
    /// The batch's seed: the one asked for, or the first 64 bits of the key.
    let seed: Int64

    init(survey: BatchSurvey, options: EnqueueOptions) {
        var description: JSONObject = [
            "version": 1, "files": .array(survey.fileDigests.map(JSONValue.string)),
            "refused": survey.errors.count == 0 ? .null : .string(survey.refusedDigest),
            "model": options.model.map(JSONValue.string) ?? .null,
            "settings": Self.sorted(.object(options.settings)),
            "seed": options.seed.map { .integer(Int($0)) } ?? .null,
        ]
        // Not there at all without a recipe, so that batches of old keep their keys.
        description["job"] = options.job.map { Self.sorted($0.identity) }
        let digest = SHA256.hash(data: Array(JSONValue.object(description).jsonText.utf8))
        key = hexadecimal(digest)
        seed = options.seed ?? digest.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }

    /// The value with the members of its objects in the order of their keys, so that the order of flags is no matter.
    private static func sorted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map(sorted))
        case .object(let object):
            var result = JSONObject()
            for member in object.members.sorted(by: { $0.key < $1.key }) { result[member.key] = sorted(member.value) }
            return .object(result)
        default: return value
        }
    }
}
