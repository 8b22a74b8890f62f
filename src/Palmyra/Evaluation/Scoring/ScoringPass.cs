using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Models;

namespace Palmyra.Evaluation.Scoring;

/// <summary>Rows that go through the model together, and which next tokens are asked of which of them.</summary>
internal sealed class ScoringPass
{
    private readonly Batch _batch = new();
    private readonly List<int> _rows = [];
    private readonly List<int> _targets = [];
    private readonly List<(TokenScore[] Scores, int At, int Place)> _answers = [];

    // Branches ask the same of the trunk's rows.
    private readonly Dictionary<(int Row, int Target), int> _places = [];
    private PreparedBatch? _prepared;
    private float[] _logProb = [];
    private float[] _best = [];

    /// <summary>Rows so far.</summary>
    public int Rows => _batch.Rows;

    /// <summary>Forgets everything; keeps the memory.</summary>
    public void Clear()
    {
        _batch.Clear();
        _rows.Clear();
        _targets.Clear();
        _answers.Clear();
        _places.Clear();
    }

    /// <summary>Adds tokens of a sequence.</summary>
    /// <returns>The first one's row.</returns>
    public int Add(ReadOnlySpan<int> tokens, int past, List<int> pages)
    {
        int row = _batch.Rows;
        _batch.Add(tokens, past, CollectionsMarshal.AsSpan(pages));
        return row;
    }

    /// <summary>Asks how probable a token is after a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="target">The token.</param>
    /// <param name="scores">Where the answer goes.</param>
    /// <param name="at">Its place there.</param>
    public void Ask(int row, int target, TokenScore[] scores, int at)
    {
        if (!_places.TryGetValue((row, target), out int place))
        {
            place = _rows.Count;
            _places.Add((row, target), place);
            _rows.Add(row);
            _targets.Add(target);
        }

        _answers.Add((scores, at, place));
    }

    /// <summary>Runs the model over the rows and answers.</summary>
    /// <param name="model">The model.</param>
    /// <param name="cache">Where the sequences' pages lie; null if they have none.</param>
    /// <param name="workspace">The workspace.</param>
    /// <param name="headBias">Takes the place of the head's own bias; null leaves that alone.</param>
    /// <param name="tiesAreGreedy">Whether a token as probable as the best one is the best one.</param>
    public void Run(Transformer model, KvCache? cache, Workspace workspace, Tensor? headBias, bool tiesAreGreedy)
    {
        if (_batch.Rows == 0)
        {
            return;
        }

        _prepared = model.Backend.Prepare(_batch, _prepared);
        Tensor hidden = model.Forward(_prepared, cache, workspace);
        if (_rows.Count == 0)
        {
            return;
        }

        EnsureLength(_rows.Count);
        (Tensor logProb, Tensor best) = model.Score(
            hidden, CollectionsMarshal.AsSpan(_rows), CollectionsMarshal.AsSpan(_targets), workspace, headBias);
        model.Backend.Read(logProb, _logProb.AsSpan(0, _rows.Count));
        model.Backend.Read(best, _best.AsSpan(0, _rows.Count));
        if (tiesAreGreedy)
        {
            Tie(model, hidden, workspace, headBias);
        }

        foreach ((TokenScore[] scores, int at, int place) in _answers)
        {
            scores[at] = new TokenScore(_targets[place], _logProb[place], (int)_best[place]);
        }
    }

    // The best tokens' own log-probabilities: where one equals the target's, the target is as good.
    private void Tie(Transformer model, Tensor hidden, Workspace workspace, Tensor? headBias)
    {
        int[] places = [.. Enumerable.Range(0, _rows.Count).Where(place => (int)_best[place] != _targets[place])];
        if (places.Length == 0)
        {
            return;
        }

        int[] rows = [.. places.Select(place => _rows[place])];
        int[] targets = [.. places.Select(place => (int)_best[place])];
        var largest = new float[places.Length];
        model.Backend.Read(model.Score(hidden, rows, targets, workspace, headBias).LogProb, largest);
        for (int i = 0; i < places.Length; i++)
        {
            if (largest[i] == _logProb[places[i]])
            {
                _best[places[i]] = _targets[places[i]];
            }
        }
    }

    private void EnsureLength(int length)
    {
        if (_logProb.Length < length)
        {
            _logProb = new float[length];
            _best = new float[length];
        }
    }
}
