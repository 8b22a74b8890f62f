using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Storyteller;
using Palmyra.Testing;

namespace Palmyra.Tests.Evaluation;

public sealed class StorytellerPerplexityTests
{
    /// <summary>The figure of its model card, computed by transformers from the same float16 weights.</summary>
    [SkippableFact]
    public void The_default_models_perplexity_is_its_cards()
    {
        Skip.IfNot(Vector256.IsHardwareAccelerated, "840 billion operations take minutes without 256-bit vectors.");
        using LanguageModel model = LanguageModel.Open(DefaultModel.Folder);
        using var scorer = new Scorer(model.Transformer);
        byte[] bytes = File.ReadAllBytes(Fixtures.Path("storyteller/valid-first-100000.u16.bin"));
        int[] ids = [.. MemoryMarshal.Cast<byte, ushort>(bytes).ToArray().Select(id => (int)id)];
        const int Window = 256;
        IReadOnlyList<TokenScore> scores = scorer.ScoreWindows(ids.AsMemory(0, ids.Length / Window * Window), Window, Window);
        Assert.Equal(390 * (Window - 1), scores.Count);
        Assert.Equal(3.89059, -scores.Average(score => (double)score.LogProbability), 5e-5);
    }
}
