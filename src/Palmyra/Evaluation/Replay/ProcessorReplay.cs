using Palmyra.Generation;
using Palmyra.Generation.Sampling;
using Palmyra.Models;

namespace Palmyra.Evaluation.Replay;

/// <summary>The recording's <c>processors</c>: one recorded row of logits through each sampling filter, compared as probabilities.</summary>
internal static class ProcessorReplay
{
    public static IEnumerable<VerificationSection> Run(ModelConfig config, RecordedOutputs recorded)
    {
        if (recorded.Root.Optional("processors") is not RecordedValue processors)
        {
            yield break;
        }

        int[] ids = Verification.Ids(processors.Required("input_ids"), config);
        int vocabulary = config.VocabularySize;
        int row = processors.Required("row").Integer();
        if (row < 0 || row >= ids.Length)
        {
            throw processors.Required("row").Wrong($"a row below {ids.Length}");
        }

        float[] all = recorded.Numbers(processors.Required("logits"), ids.Length, vocabulary);
        foreach (RecordedValue item in processors.Required("cases").Items())
        {
            RecordedValue arguments = item.Required("arguments");
            GenerationOptions options = GenerationReplay.Options(arguments) with { DoSample = true };
            if (arguments.Optional("top_k") is null)
            {
                // A recorded filter stands alone, while the options' own default keeps the 50 best.
                options = options with { TopK = 0 };
            }

            float[] logits = all.AsSpan(row * vocabulary, vocabulary).ToArray();
            new LogitsPipeline(options.Validate(config, hasTokenizer: false), []).Process(ids, logits, new LogitsContext(ids.Length, config.ContextLength));
            var difference = new Difference($"filter: {item.Required("name").Text()}", recorded.Bound);
            RecordedValue probabilities = item.Required("probabilities");
            difference.Relative(Softmax(logits), recorded.Numbers(probabilities, vocabulary), probabilities.Text());
            yield return difference.ToSection();
        }
    }

    private static float[] Softmax(float[] logits)
    {
        double most = logits.Max();
        double sum = logits.Sum(logit => Math.Exp(logit - most));
        return [.. logits.Select(logit => (float)(Math.Exp(logit - most) / sum))];
    }
}
