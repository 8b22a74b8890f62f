namespace Palmyra.Evaluation.Scoring;

/// <summary>Requests whose inputs begin alike: the common beginning, the trunk, runs once, and then what each branch has of its own.</summary>
/// <param name="pageSize">Tokens of a cache page.</param>
internal sealed class Fork(int pageSize)
{
    private readonly List<Branch> _branches = [];

    /// <summary>The inputs, each once.</summary>
    public IReadOnlyList<Branch> Branches => _branches;

    /// <summary>Tokens that all inputs begin with; with one input all of it.</summary>
    public int TrunkLength { get; private set; }

    /// <summary>Whether a branch goes on where a trunk ended, so that the trunk must be kept.</summary>
    public bool IsShared => TrunkLength > 0 && _branches.Exists(branch => branch.Input.Length > TrunkLength);

    /// <summary>Cache pages that trunk and branches take.</summary>
    public int Pages => PagesWith(TrunkLength, null);

    /// <summary>Adds a request, unless the pages would then be more than there is room for; the first is always taken.</summary>
    /// <param name="request">The request.</param>
    /// <param name="scores">Where its answer goes.</param>
    /// <param name="room">Pages at most.</param>
    /// <returns>Whether it was added.</returns>
    public bool TryAdd(TokenRequest request, TokenScore[] scores, int room)
    {
        ReadOnlyMemory<int> input = request.Input;
        Branch? branch = _branches.Find(known => known.Input.Span.SequenceEqual(input.Span));
        if (branch is null)
        {
            int trunk = _branches.Count == 0 ? input.Length : _branches[0].Input.Span[..TrunkLength].CommonPrefixLength(input.Span);
            branch = new Branch(input);
            if (_branches.Count > 0 && PagesWith(trunk, branch) > room)
            {
                return false;
            }

            TrunkLength = trunk;
            _branches.Add(branch);
        }

        branch.Add(request, scores);
        return true;
    }

    // The first branch goes on in the trunk's last page, which the others copy if it is not full.
    private int PagesWith(int trunk, Branch? added)
    {
        int trunkPages = PagesFor(trunk);
        int pages = trunkPages;
        int before = trunkPages;
        for (int i = 0; i <= _branches.Count; i++)
        {
            Branch? branch = i < _branches.Count ? _branches[i] : added;
            if (branch is not null && branch.Input.Length > trunk)
            {
                pages += PagesFor(branch.Input.Length) - before;
                before = trunk / pageSize;
            }
        }

        return pages;
    }

    private int PagesFor(int tokens) => (tokens + pageSize - 1) / pageSize;
}
