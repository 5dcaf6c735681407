import Foundation

/// Where the hub and its cache are, and how to talk to it.
///
/// The variables are those of Hugging Face's own tools, so that both share one cache and one login.
///
/// - SeeAlso: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
public struct HubConfiguration: Sendable {
    /// The folder of the cache.
    public var cacheDirectory: String
    /// The hub's URL, without a slash at its end.
    public var endpoint: String
    /// Whether the user has forbidden requests.
    public var isOffline: Bool
    /// How many files are fetched at once.
    public var connections = 8
    /// When and how often to try again.
    public var retry = RetryPolicy()
    /// Proves who the user is; sent to the endpoint alone, and in no message.
    let token: String?

    /// The configuration that an environment describes.
    ///
    /// - Parameter home: the user's home, where the cache is unless told otherwise.
    public init(environment: [String: String], home: String) {
        func path(_ variable: String) -> String? {
            guard let value = environment[variable], !value.isEmpty else { return nil }
            return value == "~" || value.hasPrefix("~/") ? home + value.dropFirst() : value
        }
        let hubHome = path("HF_HOME") ?? (path("XDG_CACHE_HOME") ?? home + "/.cache") + "/huggingface"
        cacheDirectory = path("HF_HUB_CACHE") ?? hubHome + "/hub"
        endpoint = environment["HF_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 } ?? "https://huggingface.co"
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        isOffline = ["1", "ON", "YES", "TRUE"].contains(environment["HF_HUB_OFFLINE"]?.uppercased())
        token =
            Self.cleaned(environment["HF_TOKEN"])
            ?? Self.cleaned(try? String(contentsOfFile: path("HF_TOKEN_PATH") ?? hubHome + "/token", encoding: .utf8))
    }

    /// Files and shells leave line ends in a token, which a header cannot hold.
    private static func cleaned(_ token: String?) -> String? {
        let text = String(decoding: (token ?? "").utf8.filter { (0x21...0x7E).contains($0) }, as: UTF8.self)
        return text.isEmpty ? nil : text
    }
}
