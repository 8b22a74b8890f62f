using Palmyra.Backends;
using CsCheck;
using Palmyra.Diagnostics;
using Palmyra.Generation;
using Palmyra.Generation.Sampling;

namespace Palmyra.Tests.Generation;

/// <summary>Each step against a literal transcription of transformers' rule, on random logits with ties and forbidden tokens.</summary>
public sealed class ProcessorTests
{
    private const float No = float.NegativeInfinity;

    private static readonly GenerationOptions Off = new() { DoSample = true, TopK = 0 };

    // Multiples of a half, so that ties are common; about one in ten is forbidden.
    private static readonly Gen<float[]> AnyLogits =
        Gen.Select(Gen.Int[-12, 12], Gen.Int[0, 9], (half, forbidden) => forbidden == 0 ? No : half / 2f).Array[2, 30]
            .Where(logits => logits.Any(logit => logit > No));

    private static readonly Gen<int[]> AnyTokens = Gen.Int[0, 3].Array[1, 14];

    [Fact]
    public void Temperature_divides() => AnyLogits.Select(Gen.Float[0.1f, 4]).Sample((logits, temperature) =>
        Assert.Equal(logits.Select(z => z / temperature), Run(Off with { Temperature = temperature }, logits)));

    [Fact]
    public void Top_k_keeps_the_k_largest_and_ties() => AnyLogits.Select(Gen.Int[1, 35]).Sample((logits, k) =>
    {
        float threshold = logits.OrderDescending().ElementAt(Math.Min(k, logits.Length) - 1);
        Assert.Equal(logits.Select(z => z < threshold ? No : z), Run(Off with { TopK = k }, logits));
    });

    [Fact]
    public void A_k_beyond_the_vocabulary_keeps_all() => AnyLogits.Sample(logits =>
        Assert.Equal(logits, Run(Off with { TopK = int.MaxValue }, logits)));

    [Fact]
    public void Top_p_keeps_the_smallest_set_of_that_mass() => AnyLogits.Select(Gen.Float[0.001f, 0.999f]).Sample((logits, p) =>
    {
        double[] probabilities = Softmax(logits);
        int[] order = Descending(logits);
        var expected = Enumerable.Repeat(No, logits.Length).ToArray();
        double mass = 0;
        foreach (int id in order.TakeWhile((_, rank) => rank == 0 || mass < p))
        {
            expected[id] = logits[id];
            mass += probabilities[id];
        }

        Assert.Equal(expected, Run(Off with { TopP = p }, logits));
    });

    [Fact]
    public void Top_p_near_zero_keeps_one_token() => AnyLogits.Sample(logits =>
    {
        float[] found = Run(Off with { TopP = float.Epsilon }, logits);
        Assert.Equal(Array.IndexOf(logits, logits.Max()), Assert.Single(Enumerable.Range(0, logits.Length), id => found[id] > No));
    });

    [Fact]
    public void Min_p_is_relative_to_the_largest() => AnyLogits.Select(Gen.Float[0.01f, 1]).Sample((logits, share) =>
    {
        double[] p = Softmax(logits);
        double limit = share;
        Assert.Equal(logits.Select((z, id) => z > No && Math.Exp((double)z - logits.Max()) < limit ? No : z), Run(Off with { MinP = share }, logits));
        Assert.Equal(p.Max() * 1.0000001 >= p[Array.IndexOf(logits, logits.Max())], Run(Off with { MinP = share }, logits)[Array.IndexOf(logits, logits.Max())] > No);
    });

    [Fact]
    public void Typical_keeps_what_is_nearest_the_entropy() => AnyLogits.Select(Gen.Float[0.05f, 0.99f]).Sample((logits, mass) =>
    {
        double[] p = Softmax(logits);
        double entropy = -p.Where(x => x > 0).Sum(x => x * Math.Log(x));
        int[] order = [.. Enumerable.Range(0, logits.Length).Where(id => logits[id] > No).OrderBy(id => Math.Round(Math.Abs(-Math.Log(p[id]) - entropy), 9))];
        double cumulative = 0;
        int last = order.TakeWhile(id => (cumulative += p[id]) < mass - 1e-12).Count();
        double limit = Math.Abs(-Math.Log(p[order[Math.Min(last, order.Length - 1)]]) - entropy);
        float[] found = Run(Off with { TypicalP = mass }, logits);
        foreach (int id in order)
        {
            double distance = Math.Abs(-Math.Log(p[id]) - entropy);
            if (Math.Abs(distance - limit) > 1e-9)
            {
                Assert.Equal(distance < limit, found[id] > No);
            }
        }
    });

    [Fact]
    public void Epsilon_and_eta_cut_by_probability() => AnyLogits.Select(Gen.Float[0.001f, 0.4f]).Sample((logits, cutoff) =>
    {
        double[] p = Softmax(logits);
        double entropy = -p.Where(x => x > 0).Sum(x => x * Math.Log(x));
        double eta = Math.Min(cutoff, Math.Sqrt(cutoff) * Math.Exp(-entropy));
        AssertCut(cutoff, Run(Off with { EpsilonCutoff = cutoff }, logits));
        AssertCut(eta, Run(Off with { EtaCutoff = cutoff }, logits));

        void AssertCut(double limit, float[] found)
        {
            for (int id = 0; id < logits.Length; id++)
            {
                if (Math.Abs(p[id] - limit) > 1e-12 && logits[id] > No)
                {
                    Assert.Equal(p[id] >= limit || logits[id] == logits.Max(), found[id] > No);
                }
            }
        }
    });

    [Fact]
    public void Mesh_transformer_jax_filters_raw_logits_and_then_divides() =>
        Gen.Select(AnyLogits, Gen.Float[0.05f, 0.95f], Gen.Int[1, 20]).Sample((logits, p, k) =>
        {
            double[] probabilities = Softmax(logits);
            int[] order = Descending(logits);
            var expected = Enumerable.Repeat(No, logits.Length).ToArray();
            double before = 0;
            for (int rank = 0; rank < order.Length; rank++)
            {
                int id = order[rank];
                expected[id] = (rank == 0 || before <= p) && rank < k ? logits[id] / 2 : No;
                before += probabilities[id];
            }

            GenerationOptions options = Off with { FilterOrder = FilterOrder.MeshTransformerJax, TopP = p, TopK = k, Temperature = 2 };
            Assert.Equal(expected, Run(options, logits));
        });

    [Fact]
    public void The_presets_differ_as_their_sources_do()
    {
        // Probabilities 0.5, 0.25, 0.125, 0.125.
        float[] logits = [.. new[] { 0.5, 0.25, 0.125, 0.125 }.Select(p => (float)Math.Log(p))];
        Assert.Equal(2, Kept(FilterOrder.Transformers, 0.6f, 0));
        Assert.Equal(2, Kept(FilterOrder.Megatron, 0.6f, 1));
        Assert.Equal(1, Kept(FilterOrder.OpenAI, 0.6f, 0));
        Assert.Equal(1, Kept(FilterOrder.OpenAI, 0.2f, 0));
        Assert.Equal(1, Kept(FilterOrder.Megatron, 1, 1));
        Assert.Equal(2, Kept(FilterOrder.MeshTransformerJax, 0.6f, 3));

        int Kept(FilterOrder order, float p, int k) => Run(Off with { FilterOrder = order, TopP = p, TopK = k }, logits).Count(z => z > No);
    }

    [Fact]
    public void Repetition_penalties_count_each_token_once() => Gen.Select(AnyLogits, AnyTokens, Gen.Float[0.5f, 3]).Sample((logits, any, penalty) =>
    {
        int[] tokens = [.. any.Select(token => token % logits.Length)];
        IEnumerable<float> expected = logits.Select((z, id) => !tokens.Contains(id) ? z : z < 0 ? z * penalty : z / penalty);
        Assert.Equal(expected, Run(Off with { RepetitionPenalty = penalty }, logits, tokens));
        float inverse = 1 / penalty;
        IEnumerable<float> encoder = logits.Select((z, id) => tokens[0] != id ? z : z < 0 ? z * inverse : z / inverse);
        Assert.Equal(encoder, Run(Off with { EncoderRepetitionPenalty = penalty }, logits, tokens, promptLength: 1));
    });

    [Fact]
    public void No_run_of_n_tokens_occurs_twice() => Gen.Select(AnyTokens, Gen.Int[1, 4], Gen.Int[0, 14]).Sample((tokens, n, prompt) =>
    {
        prompt = Math.Min(prompt, tokens.Length);
        float[] logits = [1, 2, 3, 4, 5];
        Assert.Equal(logits.Select((z, id) => Occurs(tokens, id) ? No : z), Run(Off with { NoRepeatNgramSize = n }, logits, tokens));
        Assert.Equal(logits.Select((z, id) => Occurs(tokens[..prompt], id) ? No : z), Run(Off with { EncoderNoRepeatNgramSize = n }, logits, tokens, prompt));

        bool Occurs(int[] text, int id)
        {
            if (tokens.Length + 1 < n)
            {
                return false;
            }

            int[] run = [.. tokens[(tokens.Length + 1 - n)..], id];
            return Enumerable.Range(0, Math.Max(0, text.Length - n + 1)).Any(start => text.AsSpan(start, n).SequenceEqual(run));
        }
    });

    [Fact]
    public void Sequence_bias_looks_at_the_tail()
    {
        GenerationOptions options = Off with { SequenceBias = [new([2], 1), new([1, 3], -2), new([0, 1, 3], -4), new([9, 9, 9, 0], 8)] };
        Assert.Equal([0, 0, 1, -6], Run(options, [0, 0, 0, 0], [5, 0, 1]));
        Assert.Equal([0, 0, 1, -2], Run(options, [0, 0, 0, 0], [0, 1]));
        Assert.Equal([0, 0, 1, 0], Run(options, [0, 0, 0, 0], [1]));
        Assert.Equal([0, No, 0, No], Run(Off with { BadWordsIds = [[1], [2, 3], [0]] }, [0, 0, 0, 0], [1, 2], endTokens: [0]));
    }

    [Fact]
    public void End_tokens_wait_for_the_least_length()
    {
        Assert.Equal([1, No, 3], Run(Off with { MinLength = 4 }, [1, 2, 3], [0, 0, 0], 1, [1]));
        Assert.Equal([1, 2, 3], Run(Off with { MinLength = 3 }, [1, 2, 3], [0, 0, 0], 1, [1]));
        Assert.Equal([1, No, 3], Run(Off with { MinNewTokens = 3 }, [1, 2, 3], [0, 0, 0], 1, [1, 77]));
        Assert.Equal([1, 2, 3], Run(Off with { MinNewTokens = 2 }, [1, 2, 3], [0, 0, 0], 1, [1]));
    }

    [Fact]
    public void Forced_and_suppressed_tokens()
    {
        Assert.Equal([No, 0, No], Run(Off with { ForcedBosTokenId = 1 }, [1, 2, 3], [0]));
        Assert.Equal([1, 2, 3], Run(Off with { ForcedBosTokenId = 1 }, [1, 2, 3], [0, 0]));
        Assert.Equal([0, No, 0], Run(Off with { ForcedEosTokenId = [0, 2] }, [1, 2, 3], [0, 0], 1, maxLength: 3));
        Assert.Equal([1, 2, 3], Run(Off with { ForcedEosTokenId = [0, 2] }, [1, 2, 3], [0, 0], 1, maxLength: 4));
        Assert.Equal([1, No, 3], Run(Off with { SuppressTokens = [1] }, [1, 2, 3], [0, 0], 1));
        Assert.Equal([1, 2, 3], Run(Off with { BeginSuppressTokens = [1] }, [1, 2, 3], [0, 0], 1));
        Assert.Equal([1, No, 3], Run(Off with { BeginSuppressTokens = [1] }, [1, 2, 3], [0, 0], 2));
        Assert.Equal([No, 2, 3], Run(Off with { PrefixAllowedTokens = _ => [1, 2] }, [1, 2, 3], [0]));
        Assert.Throws<GenerationException>(() => Run(Off with { PrefixAllowedTokens = _ => [] }, [1, 2, 3], [0]));
    }

    [Fact]
    public void The_end_token_grows_with_length()
    {
        GenerationOptions options = Off with { ExponentialDecayLengthPenalty = new LengthDecay(2, 1.5f) };
        Assert.Equal([1, -2, 3], Run(options, [1, -2, 3], [0, 0, 0], 1, [1]));
        Assert.Equal([1, -2 + (2 * 0.5f), 3], Run(options, [1, -2, 3], [0, 0, 0, 0], 1, [1]));
        Assert.Equal([1, -2 + (2 * 1.25f), 3], Run(options, [1, -2, 3], [0, 0, 0, 0, 0], 1, [1]));
        Assert.Equal([1, No, 3], Run(options, [1, No, 3], [0, 0, 0, 0, 0], 1, [1]));
        Assert.Equal([1, -2 + (2 * 0.5f), 3], Run(options, [1, -2, 3], [0, 0, 0, 0], 1, [1, 1]));
    }

    [Fact]
    public void Invalid_numbers_are_refused_or_replaced()
    {
        Assert.Contains("NaN", Assert.Throws<GenerationException>(() => Run(Off, [1, float.NaN])).Message, StringComparison.Ordinal);
        Assert.Throws<GenerationException>(() => Run(Off, [1, float.PositiveInfinity]));
        Assert.Throws<GenerationException>(() => Run(Off, [No, No]));
        GenerationOptions beams = Off with { NumBeams = 2, Temperature = 2, TopK = 1, TopP = 0.5f, MinP = 0.5f, TypicalP = 0.5f, EpsilonCutoff = 0.5f };
        Assert.Equal([No, No], Run(beams, [No, No]));
        Assert.Equal([1, 0, float.MaxValue, float.MinValue], Run(Off with { RemoveInvalidValues = true }, [1, float.NaN, float.PositiveInfinity, No]));
    }

    [Fact]
    public void Renormalized_scores_are_log_probabilities() => AnyLogits.Sample(logits =>
        Assert.Equal(1, Run(Off with { RenormalizeLogits = true, TopK = 5 }, logits).Sum(z => Math.Exp(z)), 1e-6));

    [Fact]
    public void Ranks_are_a_stable_sort_however_far_they_are_asked() => Gen.Select(AnyLogits, Gen.Int[1, 40], Gen.Int[1, 40]).Sample((logits, first, second) =>
    {
        var ranked = new RankedTokens();
        ranked.Load(logits);
        int[] order = Descending(logits);
        foreach (int count in new[] { first, second })
        {
            ulong[] keys = ranked.Top(count).ToArray();
            Assert.Equal(order.Take(count), keys.Select(RankedTokens.Id));
            Assert.Equal(order.Take(count).Select(id => logits[id]), keys.Select(RankedTokens.Logit));
        }
    });

    [Fact]
    public void Ranks_up_to_a_limit_are_the_first_of_all_ranks() => Gen.Select(Gen.Int[0, 200].Array[1, 4000], Gen.Int[1, 90]).Sample((numbers, limit) =>
    {
        float[] logits = [.. numbers.Select(number => (float)number)];
        var ranked = new RankedTokens();
        ranked.Load(logits, limit);
        Assert.Equal(Descending(logits).Take(limit), ranked.Top(limit).ToArray().Select(RankedTokens.Id));
    });

    [Fact]
    public void Samples_follow_the_probabilities()
    {
        float[] logits = [.. new[] { 0.5, 0, 0.3, 0.2 }.Select(p => (float)Math.Log(p))];
        var chooser = new TokenChooser();
        var random = new RandomStream(1, 2);
        var counts = new int[4];
        for (int i = 0; i < 20_000; i++)
        {
            counts[chooser.Sample(logits, random)]++;
        }

        Assert.Equal(0, counts[1]);
        Assert.InRange(counts[0], 9_700, 10_300);
        Assert.InRange(counts[2], 5_750, 6_250);
    }

    [Fact]
    public void The_random_numbers_are_those_of_the_paper()
    {
        // The state after SplitMix64 depends on seed and stream; streams differ from the first number on and units stay below one.
        Assert.NotEqual(new RandomStream(5, 0).Next(), new RandomStream(5, 1).Next());
        Assert.Equal(new RandomStream(5, 1).Next(), new RandomStream(5, 1).Next());
        var random = new RandomStream(9, 9);
        double mean = Enumerable.Range(0, 10_000).Average(_ => random.NextUnit());
        Assert.InRange(mean, 0.49, 0.51);
    }

    private static int[] Descending(float[] logits) => [.. Enumerable.Range(0, logits.Length).Where(id => logits[id] > No).OrderByDescending(id => logits[id])];

    private static double[] Softmax(float[] logits)
    {
        double[] masses = [.. logits.Select(z => Math.Exp((double)z - logits.Max()))];
        double sum = masses.Sum();
        return [.. masses.Select(mass => mass / sum)];
    }

    private static float[] Run(
        GenerationOptions options, float[] logits, int[]? tokens = null, int? promptLength = null, int[]? endTokens = null, int maxLength = 100)
    {
        tokens ??= [0];
        float[] found = [.. logits];
        new LogitsPipeline(options, endTokens ?? []).Process(tokens, found, new LogitsContext(promptLength ?? tokens.Length, maxLength));
        return found;
    }
}
