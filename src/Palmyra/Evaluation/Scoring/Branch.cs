namespace Palmyra.Evaluation.Scoring;

/// <summary>One input of the model and the requests that read it: two requests that differ in their last token alone share it.</summary>
internal sealed class Branch(ReadOnlyMemory<int> input)
{
    private readonly List<(TokenRequest Request, TokenScore[] Scores)> _asked = [];

    /// <summary>The tokens.</summary>
    public ReadOnlyMemory<int> Input { get; } = input;

    /// <summary>The requests, and where their answers go.</summary>
    public IReadOnlyList<(TokenRequest Request, TokenScore[] Scores)> Asked => _asked;

    /// <summary>One more request.</summary>
    public void Add(TokenRequest request, TokenScore[] scores) => _asked.Add((request, scores));
}
