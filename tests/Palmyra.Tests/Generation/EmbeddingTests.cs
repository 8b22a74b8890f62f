using System.Text.Json;
using Palmyra.Diagnostics;
using Palmyra.Embedding;
using Palmyra.Models;
using Palmyra.Testing;

namespace Palmyra.Tests.Generation;

/// <summary>Hidden states as transformers reports them, and their pooling.</summary>
public sealed class EmbeddingTests
{
    public static TheoryData<string> Models => [.. Fixtures.Models];

    [Theory]
    [MemberData(nameof(Models))]
    public void Hidden_states_are_those_recorded(string name)
    {
        using var fixture = new FixtureModel(name);
        using var extractor = new FeatureExtractor(fixture.Model.Transformer);
        int found = 0;
        foreach (JsonElement prompt in fixture.Expected.GetProperty("prompts").EnumerateArray())
        {
            if (!prompt.TryGetProperty("hidden_states", out JsonElement layers))
            {
                continue;
            }

            for (int layer = 0; layer < layers.GetArrayLength(); layer++, found++)
            {
                float[] expected = fixture.Tensor(layers[layer].GetString()!, out _);
                float[] states = extractor.Extract([FixtureModel.Ids(prompt.GetProperty("input_ids"))], layer)[0];
                Assert.Equal(expected.Length, states.Length);
                for (int i = 0; i < expected.Length; i++)
                {
                    Assert.Equal(expected[i], states[i], fixture.Tolerance);
                }
            }
        }

        Assert.Equal(fixture.Model.Config.Layers + 1, found);
    }

    [Fact]
    public void Many_texts_equal_one_at_a_time()
    {
        using Transformer model = TinyModel.Create(TinyModel.GptNeo);
        int[][] texts = [.. new[] { 3, 1, 32, 12, 7 }.Select(length => TinyModel.Prompt(length, length))];
        using var extractor = new FeatureExtractor(model, rowBudget: 20);
        float[][] together = extractor.Extract(texts, layer: 1);
        Assert.Equal(texts.Select(text => extractor.Extract([text], layer: 1)[0]), together);
        Assert.Equal(texts.Select(text => text.Length * model.Config.Width), together.Select(states => states.Length));
    }

    [Fact]
    public void Poolings_are_their_formulas()
    {
        float[] states = [1, 10, 2, 20, 6, 60];
        Assert.Equal([3, 30], TextEmbedder.Pool(states, 2, Pooling.Mean, normalize: false));
        Assert.Equal([6, 60], TextEmbedder.Pool(states, 2, Pooling.LastToken, normalize: false));
        Assert.Equal([23 / 6f, 230 / 6f], TextEmbedder.Pool(states, 2, Pooling.PositionWeightedMean, normalize: false));
        Assert.Equal([0.6f, 0.8f], TextEmbedder.Pool([3, 4], 2, Pooling.Mean, normalize: true));
        Assert.Equal([0, 0], TextEmbedder.Pool([0, 0], 2, Pooling.Mean, normalize: true));
    }

    [Fact]
    public void Embeddings_pool_the_extracted_states()
    {
        using Transformer model = TinyModel.Create(TinyModel.GptJ);
        using var extractor = new FeatureExtractor(model);
        using var embedder = new TextEmbedder(model);
        int[][] texts = [TinyModel.Prompt(5), TinyModel.Prompt(9)];
        float[][] vectors = embedder.Embed(texts, Pooling.LastToken);
        float[][] states = extractor.Extract(texts);
        for (int i = 0; i < texts.Length; i++)
        {
            Assert.Equal(states[i][^model.Config.Width..], vectors[i]);
            Assert.Equal(1, embedder.Embed(texts, Pooling.Mean, normalize: true)[i].Sum(x => (double)x * x), 1e-6);
        }
    }

    [Fact]
    public void Texts_that_do_not_fit_are_named()
    {
        using Transformer model = TinyModel.Create(TinyModel.Gpt2);
        using var extractor = new FeatureExtractor(model);
        Refused([[1], []], null, "Text 1 is empty");
        Refused([TinyModel.Prompt(33)], null, "more than the model's context of 32");
        Refused([[40]], null, "token 40");
        Refused([[1]], 3, "0 to 2");

        void Refused(int[][] texts, int? layer, string part) =>
            Assert.Contains(part, Assert.Throws<GenerationException>(() => extractor.Extract(texts, layer)).Message, StringComparison.Ordinal);
    }
}
