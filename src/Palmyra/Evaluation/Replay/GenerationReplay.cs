using System.Text;
using Palmyra.Generation;
using Palmyra.Models;
using Palmyra.Tokenization;

namespace Palmyra.Evaluation.Replay;

/// <summary>The recording's <c>generation</c>: the reference's arguments again, through the cache and the batching that users get.</summary>
internal static class GenerationReplay
{
    // What the reference filled finished rows with.
    private const int RecordedPadding = 0;

    public static IEnumerable<VerificationSection> Run(
        Transformer transformer, RecordedOutputs recorded, GptTokenizer? tokenizer, CancellationToken cancellation)
    {
        if (recorded.Root.Optional("generation") is not RecordedValue generation)
        {
            yield break;
        }

        using var generator = new Generator(transformer);
        foreach (RecordedValue item in generation.Items())
        {
            string name = item.Required("name").Text();
            int[] prompt = Verification.Ids(item.Required("input_ids"), transformer.Config);
            GenerationOptions options = Options(item.Required("arguments"));
            int[][] expected = item.Required("sequences").Rows();
            IReadOnlyList<GeneratedSequence> found = generator.Generate(prompt, options, cancellation);
            int[][] rows = PaddedBatch.Pad([.. found.Select(sequence => sequence.Tokens)], RecordedPadding);
            var tokens = new Difference($"generation: {name}", 0);
            for (int row = 0; row < Math.Max(rows.Length, expected.Length); row++)
            {
                tokens.Equal(
                    row < rows.Length ? rows[row] : [], row < expected.Length ? expected[row] : [], $"{item.Place}.sequences[{row}]");
            }

            yield return tokens.ToSection();
            if (item.Optional("sequences_scores") is RecordedValue scores)
            {
                double[] expectedScores = scores.Numbers();
                var difference = new Difference($"scores: {name}", recorded.Bound);
                for (int row = 0; row < expectedScores.Length; row++)
                {
                    double? score = row < found.Count ? found[row].Score : null;
                    difference.Absolute(score ?? double.NaN, expectedScores[row], scores.Place, row);
                }

                yield return difference.ToSection();
            }

            if (tokenizer is not null && item.Optional("text") is RecordedValue text)
            {
                var decoded = new Difference($"text: {name}", 0);
                decoded.Equal(found.Count == 0 ? string.Empty : tokenizer.Decode([.. found[0].Tokens]), text.Text(), text.Place);
                yield return decoded.ToSection();
            }
        }
    }

    /// <summary>Options in the reference's names. Its null end token means that nothing ends a row, ours that the model's own does.</summary>
    public static GenerationOptions Options(RecordedValue arguments)
    {
        byte[] json = Encoding.UTF8.GetBytes(arguments.Element.GetRawText());
        GenerationOptions options = GenerationOptionsReader.Parse(json, $"{arguments.File}: {arguments.Place}");
        return options with { EosTokenIds = options.EosTokenIds ?? [] };
    }
}
