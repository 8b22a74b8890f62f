using Palmyra.Diagnostics;
using Palmyra.Models;

namespace Palmyra.Generation;

// The rules an option set must keep, each told in one sentence.
public sealed partial record GenerationOptions
{
    /// <summary>Returns this record if a model can generate with it.</summary>
    /// <param name="config">The model.</param>
    /// <param name="hasTokenizer">Whether tokens can be turned into text, which stop strings need.</param>
    /// <exception cref="GenerationException">An option is out of range or contradicts another; the message names it.</exception>
    public GenerationOptions Validate(ModelConfig config, bool hasTokenizer)
    {
        Require(MaxNewTokens is null or > 0, $"max_new_tokens was expected to be positive; found {MaxNewTokens}.");
        Require(MaxLength is null or > 0, $"max_length was expected to be positive; found {MaxLength}.");
        Require(MinLength >= 0, $"min_length was expected to be zero or more; found {MinLength}.");
        Require(MinNewTokens >= 0, $"min_new_tokens was expected to be zero or more; found {MinNewTokens}.");
        Require(MinNewTokens <= (MaxNewTokens ?? int.MaxValue), $"min_new_tokens = {MinNewTokens} is more than max_new_tokens = {MaxNewTokens}.");
        Require(
            MaxNewTokens is not null || MinLength <= (MaxLength ?? int.MaxValue),
            $"min_length = {MinLength} is more than max_length = {MaxLength}.");
        Require(NumBeams > 0, $"num_beams was expected to be positive; found {NumBeams}.");
        Require(NumReturnSequences > 0, $"num_return_sequences was expected to be positive; found {NumReturnSequences}.");
        Require(
            NumBeams == 1 || NumReturnSequences <= NumBeams,
            $"num_return_sequences = {NumReturnSequences} is more than num_beams = {NumBeams}; beam search has no more texts to return.");
        Require(
            DoSample || NumBeams > 1 || NumReturnSequences == 1,
            $"num_return_sequences = {NumReturnSequences} needs do_sample or num_beams > 1: greedy decoding gives one text.");
        if (DoSample)
        {
            ValidateSampling();
        }

        Positive("repetition_penalty", RepetitionPenalty);
        Positive("encoder_repetition_penalty", EncoderRepetitionPenalty);
        Require(NoRepeatNgramSize >= 0, $"no_repeat_ngram_size was expected to be zero or more; found {NoRepeatNgramSize}.");
        Require(EncoderNoRepeatNgramSize >= 0, $"encoder_no_repeat_ngram_size was expected to be zero or more; found {EncoderNoRepeatNgramSize}.");
        Require(float.IsFinite(LengthPenalty), $"length_penalty was expected to be a finite number; found {LengthPenalty}.");
        if (ExponentialDecayLengthPenalty is { } decay)
        {
            Require(
                decay.Start >= 0 && decay.Factor > 0 && float.IsFinite(decay.Factor),
                $"exponential_decay_length_penalty was expected to be a start of zero or more and a positive factor; "
                    + $"found {decay.Start} and {decay.Factor}.");
        }

        Require(
            StopStrings.Count == 0 || hasTokenizer,
            "stop_strings need a tokenizer; open the model with its tokenizer files, or stop at token ids (eos_token_id).");
        Require(StopStrings.All(text => text.Length > 0), "stop_strings was expected to hold texts of at least one character; found an empty one.");
        Require(MaxTime is null || MaxTime > TimeSpan.Zero, $"max_time was expected to be positive; found {MaxTime}.");
        Require(TopLogProbabilities >= 0, $"The number of top log-probabilities was expected to be zero or more; found {TopLogProbabilities}.");
        Require(
            HiddenStateLayers.All(layer => layer >= 0 && layer <= config.Layers),
            $"Hidden-state layers were expected to be 0 to {config.Layers}; found {string.Join(", ", HiddenStateLayers)}.");
        ValidateTokens(config.VocabularySize);
        if (NumBeams > 1)
        {
            Require(
                HiddenStateLayers.Count == 0 && !OutputLogits && !OutputScores && TopLogProbabilities == 0,
                "Beam search (num_beams > 1) does not return logits, scores, top log-probabilities or hidden states; read them with num_beams = 1.");
        }

        return this;
    }

    private void ValidateSampling()
    {
        Positive("temperature", Temperature, "; for the most probable token at each step leave do_sample off");
        Require(TopK >= 0, $"top_k was expected to be zero (off) or more; found {TopK}.");
        Require(TopP > 0 && TopP <= 1, $"top_p was expected to be in (0, 1]; found {TopP}.");
        Require(MinP is null or (>= 0 and <= 1), $"min_p was expected to be in [0, 1]; found {MinP}.");
        Require(TypicalP > 0 && TypicalP <= 1, $"typical_p was expected to be in (0, 1]; found {TypicalP}.");
        Require(EpsilonCutoff is >= 0 and < 1, $"epsilon_cutoff was expected to be in [0, 1); found {EpsilonCutoff}.");
        Require(EtaCutoff is >= 0 and < 1, $"eta_cutoff was expected to be in [0, 1); found {EtaCutoff}.");
    }

    private void ValidateTokens(int vocabulary)
    {
        foreach (IReadOnlyList<int> word in BadWordsIds)
        {
            Require(word.Count > 0, "bad_words_ids was expected to hold sequences of at least one token; found an empty one.");
            Tokens("bad_words_ids", word);
        }

        foreach (SequenceBias bias in SequenceBias)
        {
            Require(bias.Tokens.Count > 0, "sequence_bias was expected to hold sequences of at least one token; found an empty one.");
            Require(
                !float.IsNaN(bias.Bias) && !float.IsPositiveInfinity(bias.Bias),
                $"sequence_bias was expected to hold numbers below infinity; found {bias.Bias}.");
            Tokens("sequence_bias", bias.Tokens);
        }

        Tokens("suppress_tokens", SuppressTokens);
        Tokens("begin_suppress_tokens", BeginSuppressTokens);
        Tokens("forced_eos_token_id", ForcedEosTokenId);
        if (ForcedBosTokenId is { } bos)
        {
            Tokens("forced_bos_token_id", [bos]);
        }

        void Tokens(string option, IReadOnlyList<int> ids)
        {
            foreach (int id in ids)
            {
                Require(id >= 0 && id < vocabulary, $"{option} names token {id}, outside the vocabulary of {vocabulary}.");
            }
        }
    }

    private static void Positive(string option, float value, string advice = "") =>
        Require(value > 0 && float.IsFinite(value), $"{option} was expected to be a positive number; found {value}{advice}.");

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new GenerationException(message);
        }
    }
}
