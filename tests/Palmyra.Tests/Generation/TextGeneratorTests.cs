using System.Text;
using Palmyra.Generation;
using Palmyra.Storyteller;

namespace Palmyra.Tests.Generation;

public sealed class TextGeneratorTests : IClassFixture<TextGeneratorTests.Storyteller>
{
    private readonly Storyteller _story;

    public TextGeneratorTests(Storyteller story) => _story = story;

    [Fact]
    public async Task A_stream_says_what_a_call_returns_and_the_same_seed_the_same_text()
    {
        GenerationOptions options = _story.Model.GenerationDefaults with { MaxNewTokens = 50, Seed = 3 };
        var streamed = new StringBuilder();
        GeneratedSequence? finished = null;
        await foreach (GeneratedToken token in _story.Generator.StreamAsync("The fox said", options))
        {
            streamed.Append(token.Text);
            finished = token.Finished;
        }

        IReadOnlyList<IReadOnlyList<GeneratedSequence>> together =
            await _story.Generator.GenerateAsync(["Once upon a time", "The fox said", "It was"], options);
        Assert.Equal(finished!.Text, streamed.ToString());
        Assert.Equal(finished.Text, together[1][0].Text);
        Assert.Equal(finished.Tokens, together[1][0].Tokens);
        Assert.Equal(_story.Model.Tokenizer.Encode("The fox said"), finished.Tokens.Take(finished.PromptLength));
        Assert.NotEqual(finished.Text, (await _story.Generator.GenerateAsync("The fox said", options with { Seed = 4 }))[0].Text);
    }

    [Fact]
    public async Task Defaults_come_from_the_models_own_generation_config()
    {
        Assert.True(_story.Model.GenerationDefaults.DoSample);
        Assert.Equal(0.8f, _story.Model.GenerationDefaults.Temperature);
        Assert.Equal(0.95f, _story.Model.GenerationDefaults.TopP);
        IReadOnlyList<GeneratedSequence> sequences = await _story.Generator.GenerateAsync("Once");
        Assert.NotNull(sequences[0].Seed);
    }

    public sealed class Storyteller : IDisposable
    {
        public Storyteller() => Generator = new TextGenerator(Model);

        public LanguageModel Model { get; } = LanguageModel.Open(DefaultModel.Folder);

        public TextGenerator Generator { get; }

        public void Dispose()
        {
            Generator.Dispose();
            Model.Dispose();
        }
    }
}
