import Foundation
import NIOHTTP1
import OctavoCore

/// The hub's routes for one repository.
struct FakeHubRoutes {
    let repository: FakeRepository
    let storage: String

    func answer(_ head: HTTPRequestHead) -> FakeHubAnswer {
        let path = head.uri.split(separator: "?")[0].split(separator: "/").map { $0.removingPercentEncoding ?? "" }
        if path.first == "storage" { return content(of: path[1], head) }
        let isAPI = path.starts(with: ["api", "models"])
        let rest = Array(isAPI ? path.dropFirst(2) : path[...])
        guard rest.prefix(2).joined(separator: "/") == repository.name else {
            return FakeHubAnswer(
                .unauthorized, ["X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"])
        }
        if repository.isGated, !isAPI, head.headers.first(name: "Authorization") != "Bearer \(FakeHub.token)" {
            return FakeHubAnswer(.forbidden, ["X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"])
        }
        let revision = rest.count > 3 ? rest[3] : "main"
        guard revision == repository.commit || repository.revisions.contains(revision) else {
            return FakeHubAnswer(.notFound, ["X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"])
        }
        switch (isAPI, rest.count > 2 ? rest[2] : "revision") {
        case (true, "revision"): return FakeHubAnswer(body: Data(description.jsonText.utf8))
        case (true, "tree"): return FakeHubAnswer(body: Data(tree.jsonText.utf8))
        case (false, "resolve"): return resolve(rest.dropFirst(4).joined(separator: "/"), head)
        default: return FakeHubAnswer(.notFound)
        }
    }

    private var description: JSONValue {
        [
            "id": .string(repository.name), "modelId": .string(repository.name), "sha": .string(repository.commit),
            "private": false, "tags": [], "downloads": 0, "likes": 0,
            "siblings": .array(repository.files.keys.sorted().map { ["rfilename": .string($0)] }),
        ]
    }

    private var tree: JSONValue {
        .array(
            repository.files.sorted { $0.key < $1.key }.map { name, file in
                var entry: JSONObject = [
                    "type": "file", "path": .string(name), "size": .integer(file.bytes.count),
                    "oid": .string(file.gitHash),
                ]
                if file.isLarge {
                    entry["lfs"] = [
                        "oid": .string(file.sha256), "size": .integer(file.bytes.count), "pointerSize": 134,
                    ]
                }
                return .object(entry)
            })
    }

    private func resolve(_ name: String, _ head: HTTPRequestHead) -> FakeHubAnswer {
        guard let file = repository.files[name] else {
            return FakeHubAnswer(.notFound, ["X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"])
        }
        var headers: HTTPHeaders = ["X-Repo-Commit": repository.commit]
        guard file.isLarge else {
            headers.add(name: "ETag", value: "\"\(file.gitHash)\"")
            return content(file, headers, head)
        }
        headers.add(name: "X-Linked-Etag", value: "\"\(file.sha256)\"")
        headers.add(name: "X-Linked-Size", value: "\(file.announcedSize)")
        headers.add(name: "Location", value: "\(storage)/storage/\(file.sha256)?signature=abc")
        return FakeHubAnswer(.found, headers, body: Data("Found. Redirecting".utf8))
    }

    private func content(of hash: String, _ head: HTTPRequestHead) -> FakeHubAnswer {
        guard let file = repository.files.values.first(where: { $0.sha256 == hash }) else {
            return FakeHubAnswer(.notFound)
        }
        return content(file, ["ETag": "\"md5-of-the-storage\""], head)
    }

    /// The file, or what `Range` asks of it.
    private func content(_ file: FakeFile, _ headers: HTTPHeaders, _ head: HTTPRequestHead) -> FakeHubAnswer {
        var answer = FakeHubAnswer(.ok, headers, body: file.bytes)
        answer.isFile = true
        answer.headers.add(name: "Accept-Ranges", value: "bytes")
        guard let range = head.headers.first(name: "Range"), let start = Int(range.dropFirst(6).prefix { $0 != "-" })
        else {
            return answer
        }
        guard start < file.bytes.count else { return FakeHubAnswer(.rangeNotSatisfiable) }
        answer.status = .partialContent
        answer.body = Data(file.bytes.dropFirst(start))
        answer.headers.add(name: "Content-Range", value: "bytes \(start)-\(file.bytes.count - 1)/\(file.bytes.count)")
        return answer
    }
}
