using System.Globalization;
using System.Text.RegularExpressions;
using CsCheck;
using Palmyra.Cards;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Reports;
using Palmyra.Evaluation.Scoring;
using Palmyra.Models;
using Palmyra.Storyteller;
using Palmyra.Tests.Evaluation.Reports;

namespace Palmyra.Tests.Cards;

public sealed partial class ModelCardWriterTests
{
    private static readonly ModelConfig Shape = new()
    {
        Family = ModelFamily.Gpt2, VocabularySize = 9001, ContextLength = 333, Width = 88, Layers = 5, Heads = 4, HiddenWidth = 352,
    };

    private static readonly string[] Odd =
        [SampleReport.HostileName, "no", "---", "a: b", "- x", "[x]", "1.0", "~", "null", "\n---\n", "<!--", "${x}", "&amp;"];

    private static readonly CardFacts Bare = new() { Name = "m", Config = Shape };

    [Fact]
    public void The_storytellers_card_says_what_its_folder_says()
    {
        using Checkpoint checkpoint = Checkpoint.Open(DefaultModel.Folder);
        CardFacts facts = CardFacts.Read(checkpoint);
        Assert.Equal(("mit", "en", 7325696.0), (facts.License, facts.Languages.Single(), facts.TrainingTokens));
        string card = ModelCardWriter.Write(facts);
        Assert.Contains("\n# storyteller\n", card, StringComparison.Ordinal);
        Assert.Contains("GPT-J's architecture: 4,239,616 parameters in 6 layers of width 192.", card, StringComparison.Ordinal);
        Assert.Contains("byte-level BPE with 4,096 tokens. The weights are stored as F16. Language: en. Licence: mit.", card, StringComparison.Ordinal);
        Assert.Contains("| RoPE dimensions | 16 |", card, StringComparison.Ordinal);
        Assert.Contains("| training FLOPs, 6·N·D | 1.9e14 |", card, StringComparison.Ordinal);
        Assert.Contains("| model.safetensors | 8,486,264 |", card, StringComparison.Ordinal);
        Assert.DoesNotContain("| README.md |", card, StringComparison.Ordinal);
        Assert.DoesNotContain("8 shards", card, StringComparison.Ordinal);
        FrontMatter head = FrontMatter.Parse(card);
        Assert.Equal(("mit", "en", 7325696.0), (head.Text("license"), head.Text("language"), head.TrainingTokens));
        Assert.Equal(["gptj", "text-generation", "stories"], head.List("tags"));
    }

    [Fact]
    public void What_nobody_said_is_unknown()
    {
        string card = ModelCardWriter.Write(Bare);
        Assert.Equal(["library_name", "pipeline_tag", "tags"], FrontMatter.Parse(card).Keys);
        Assert.Contains("Language: unknown. Licence: unknown.", card, StringComparison.Ordinal);
        foreach (string fact in new[] { "training text", "training tokens D", "training FLOPs, 6·N·D" })
        {
            Assert.Contains($"| {fact} | unknown | – |", card, StringComparison.Ordinal);
        }

        Assert.Contains("no tokenizer", card, StringComparison.Ordinal);
        Assert.Contains("no weights", card, StringComparison.Ordinal);
        Assert.Contains("Nothing was measured", card, StringComparison.Ordinal);
        Assert.Contains("do not state a licence", card, StringComparison.Ordinal);
    }

    /// <summary>Without stated tokens there is no figure of operations, and every number is the configuration's or one of the fixed text's.</summary>
    [Fact]
    public void No_number_is_made_up()
    {
        string card = ModelCardWriter.Write(Bare);
        Assert.DoesNotMatch(@"\d\.\d+e\d", card);
        string[] allowed =
        [
            "9001", "333", "88", "5", "4", "352", "22", new ModelSize(Shape).Parameters.ToString(CultureInfo.InvariantCulture),
            "2", // GPT-2
            "6", // 6·N·D
        ];
        string[] found = [.. Numbers().Matches(card).Select(match => match.Value.Replace(",", "", StringComparison.Ordinal)).Distinct()];
        Assert.Empty(found.Except(allowed));
    }

    [Fact]
    public void Tokens_give_operations_by_every_formula()
    {
        var flops = new FlopCount(Shape);
        string card = ModelCardWriter.Write(Bare with { TrainingTokens = 1e9, TrainingTokensSource = "the author of this card" });
        Assert.Equal(1e9, FrontMatter.Parse(card).TrainingTokens);
        Assert.Contains("| training tokens D | 1,000,000,000 | the author of this card |", card, StringComparison.Ordinal);
        foreach (double value in new[] { flops.Training, flops.KaplanTraining, flops.PalmTraining, flops.ChinchillaTraining, flops.NarayananTraining })
        {
            Assert.Contains($"| {(value * 1e9).ToString("0.00e0", CultureInfo.InvariantCulture)} |", card, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_sharded_count_is_told_of_gpt_j_alone()
    {
        ModelConfig gptJ = ModelPresets.Find("gpt-j-6b")!.Published;
        Assert.Contains("it counts 6,053,381,344", ModelCardWriter.Write(Bare with { Config = gptJ }), StringComparison.Ordinal);
        Assert.DoesNotContain("shards", ModelCardWriter.Write(Bare with { Config = gptJ with { Layers = 27 } }), StringComparison.Ordinal);
        Assert.DoesNotContain("shards", ModelCardWriter.Write(Bare), StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_the_tokenizer_does_not_use_are_told()
    {
        CardFacts facts = Bare with { Tokenizer = new CardTokenizer("byte-level BPE", 9000, NeedsSplitPattern: false, []) };
        Assert.Contains("| n_vocab | 9,001 † |", ModelCardWriter.Write(facts), StringComparison.Ordinal);
        Assert.Contains("has 9,001 rows; the tokenizer uses 9,000 of them", ModelCardWriter.Write(facts), StringComparison.Ordinal);
    }

    [Fact]
    public void A_vocabulary_of_words_says_that_it_needs_an_expression()
    {
        CardFacts facts = Bare with { Tokenizer = new CardTokenizer("word-level", 9001, NeedsSplitPattern: true, ["C", "`", "``x", " ", "|"]) };
        string card = ModelCardWriter.Write(facts);
        Assert.Contains("--split-regex 'REGEX'", card, StringComparison.Ordinal);
        Assert.Contains("begins with `C` `` ` `` ``` ``x ``` `|` …", card, StringComparison.Ordinal);
        card = ModelCardWriter.Write(facts with { SplitPattern = @"'|""|\w" });
        Assert.Contains(@"--split-regex ''\''|""|\w'", card, StringComparison.Ordinal);
        Assert.Contains(@"SplitPattern = @""'|""""|\w""", card, StringComparison.Ordinal);
        Assert.Contains("'REGEX'", ModelCardWriter.Write(facts with { SplitPattern = "a\n```\nb" }), StringComparison.Ordinal);
    }

    [Fact]
    public void Measured_rows_stand_in_tables_and_head()
    {
        CardFacts facts = (Bare with { Name = "first", TrainingTokens = 2e9 }).WithResults(SampleReport.Full, "r.json");
        string card = ModelCardWriter.Write(facts);
        Assert.Contains("| first | yes | " + Figure(6 * 2e9 * new ModelSize(Shape).Parameters) + " | 4.103 | 68.27 % |", card, StringComparison.Ordinal);
        Assert.Contains("| first | HellaSwag | acc_norm | 66.24 % ± 0.52 |", card, StringComparison.Ordinal);
        Assert.DoesNotContain("alert", card, StringComparison.Ordinal);
        Assert.Contains(
            "model-index:\n- name: first\n  results:\n  - task:\n      type: text-generation\n    dataset:\n      name: LAMBADA\n      type: lambada_openai\n"
            + "      args:\n        num_few_shot: 0\n    metrics:\n    - type: perplexity\n      value: 4.1026\n      name: \"perplexity, protocol today\"\n",
            card,
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_known_of_access_and_text_stands_in_head_and_tables()
    {
        CardFacts facts = Bare with { Name = "first", IsPublic = false, DatasetGigabytes = 0.5 };
        string card = ModelCardWriter.Write(facts.WithResults(SampleReport.Full, "r.json"));
        FrontMatter head = FrontMatter.Parse(card);
        Assert.Equal((false, 0.5), (head.IsPublic, head.DatasetGigabytes));
        Assert.Contains("\npublic: false\ndataset_gigabytes: 0.5\n", card, StringComparison.Ordinal);
        Assert.Contains("| size of the training text, GB | 0.5 | the author |", card, StringComparison.Ordinal);
        Assert.Contains("| first | no |", card, StringComparison.Ordinal);
    }

    /// <summary>What the head of the card there was says and this one does not is kept to the letter, its types included.</summary>
    [Fact]
    public void Keys_of_the_old_head_are_kept()
    {
        const string Kept = "base_model: EleutherAI/gpt-j-6b\nmetrics:\n- accuracy\ninference: false\nthumbnail: \"http://x.y/a: b\"\nversion: '1.0'";
        FrontMatter head = FrontMatter.Parse(
            $"---\nlanguage: [en, de]\nlibrary_name: transformers\n{Kept}\n# of its own\ndatasets: old\nlicense: [mit, x]\npublic: maybe\nodd: {{a: b}}\n---\n");
        string card = ModelCardWriter.Write(Bare with { Head = head, Languages = ["fr"], Datasets = ["new"] });
        Assert.StartsWith(
            "---\nlanguage: fr\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- gpt2\n- text-generation\ndatasets:\n- new\n"
            + $"{Kept}\nlicense: [mit, x]\npublic: maybe\n---\n",
            card,
            StringComparison.Ordinal);
        Assert.Equal(["accuracy"], FrontMatter.Parse(card).List("metrics"));
    }

    /// <summary>It speaks to whoever has it, of stories or of molecules, and claims nothing about how it was trained.</summary>
    [Fact]
    public void The_fixed_text_fits_every_model()
    {
        string card = ModelCardWriter.Write(Bare);
        foreach (string claim in new[] { "base model", "conversation", "instructions", "has learned" })
        {
            Assert.DoesNotContain(claim, card, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void Results_of_another_model_are_refused()
    {
        EvaluationException failure = Assert.Throws<EvaluationException>(() => Bare.WithResults(SampleReport.Full, "r.json"));
        Assert.StartsWith("r.json: results of 'm' were expected; found first, a|b", failure.Message, StringComparison.Ordinal);
        Assert.Throws<EvaluationException>(() => Bare.WithResults(new EvaluationReport([]), "r.json"));
        CardFacts sameName = Bare with { Name = "first", Digest = "9999" };
        Assert.Contains("other weights", Assert.Throws<EvaluationException>(() => sameName.WithResults(SampleReport.Full, "r")).Message, StringComparison.Ordinal);
        Assert.Single((Bare with { Digest = "0123" }).WithResults(SampleReport.Full, "r").Results);
    }

    /// <summary>Whatever texts a folder holds, the head reads back as it was and the body keeps its lines.</summary>
    [Fact]
    public void Hostile_texts_break_neither_head_nor_body()
    {
        int lines = ModelCardWriter.Write(Bare with { Title = "a", License = "a", Languages = ["a"], Datasets = ["a"], Tags = ["a"], Files = [new("a", 1)] }).Split('\n').Length;
        Gen<string> texts = Gen.OneOf(
            Gen.String[Gen.Char["|\n\r\t`*_[]<>#:-'\"\\&!{}%@, \u2028\u202e\u0001é"], 1, 30],
            Gen.OneOf([.. Odd.Select(Gen.Const)]));
        texts.Sample(hostile =>
        {
            string card = ModelCardWriter.Write(Bare with
            {
                Name = hostile, Title = hostile, License = hostile, Languages = [hostile], Datasets = [hostile], Tags = [hostile], Files = [new(hostile, 1)],
            });
            FrontMatter head = FrontMatter.Parse(card);
            Assert.Equal(hostile, head.Text("license"));
            Assert.Equal(hostile, head.Text("language"));
            Assert.Equal([hostile], head.List("datasets"));
            Assert.Equal(["gpt2", "text-generation", hostile], head.List("tags"));
            Assert.Equal(lines, card.Split('\n').Length);
            string body = card[card.IndexOf("\n---\n", StringComparison.Ordinal)..];
            Assert.DoesNotContain('<', body);
            Assert.DoesNotContain('\u202e', card);
        });
    }

    private static string Figure(double flops) => flops.ToString("0.0e0", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\d[\d,]*")]
    private static partial Regex Numbers();
}
