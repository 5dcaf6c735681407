/// The members of a JSON object in the order in which they were written.
///
/// Request bodies have a dozen members, so look-up is a linear scan. A key written twice keeps its first place and
/// its last value, as in Python.
public struct JSONObject: Sendable, Hashable {
    /// One `"key": value` of an object.
    public struct Member: Sendable, Hashable {
        /// The key.
        public var key: String
        /// The value.
        public var value: JSONValue

        /// A member of the given key and value.
        public init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// The members, in order; no key stands twice.
    public private(set) var members: [Member]

    /// An empty object.
    public init() { members = [] }

    /// The keys, in order.
    public var keys: [String] { members.map(\.key) }

    /// Whether the object has no member.
    public var isEmpty: Bool { members.isEmpty }

    /// The value of `key`; setting `nil` removes the member, setting a new key appends one.
    ///
    /// Keys are compared by their scalars: canonically equivalent spellings are different keys, as in JSON.
    public subscript(key: String) -> JSONValue? {
        get { index(of: key).map { members[$0].value } }
        set {
            switch (index(of: key), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// `==` is fast but takes canonical equivalents for equal, so it only sorts out.
    private func index(of key: String) -> Int? {
        members.firstIndex { $0.key == key && $0.key.utf8.elementsEqual(key.utf8) }
    }

    /// An object of the given members, in time linear in their number.
    ///
    /// A key given twice keeps its first place and its last value.
    public init(members given: [Member]) {
        guard given.count > 16 else {
            members = []
            for member in given { self[member.key] = member.value }
            return
        }
        var places: [[UInt8]: Int] = [:]
        members = []
        for member in given {
            let key = Array(member.key.utf8)
            if let place = places[key] {
                members[place].value = member.value
            } else {
                places[key] = members.count
                members.append(member)
            }
        }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// An object with its keys in the order written.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init()
        for (key, value) in elements { self[key] = value }
    }
}
