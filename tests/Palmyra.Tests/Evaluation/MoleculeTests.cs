using Palmyra.Evaluation.Scoring;
using Palmyra.Generation;
using Palmyra.Testing;
using Palmyra.Tokenization;

namespace Palmyra.Tests.Evaluation;

/// <summary>A model that others trained and published: GPT-2 on molecules (ChemTS, MIT licence). Read where it lies, never copied.</summary>
public sealed class MoleculeTests
{
    private const string Folder = "checkpoints/chemts-gpt2-zinc/gpt2_0.2m";
    private const string Pattern = @"(\[[^\]]+\]|Br|Cl|%\d\d|.)";

    /// <summary>Nats a token as a pure-Python float64 pass over the same weights gives them.</summary>
    [SkippableTheory]
    [InlineData("CC(C)(C)c1ccc2occ(CC(=O)Nc3ccccc3F)c2c1", 0.6662)]
    [InlineData("C[C@@H]1CC(Nc2cncc(-c3nncn3C)c2)C[C@@H](C)C1", 0.8724)]
    [InlineData("N#Cc1ccc(-c2ccc(O[C@@H](C(=O)N3CCCC3)c3ccccc3)cc2)cc1", 0.5260)]
    [InlineData("CCOC(=O)[C@@H]1CCCN(C(=O)c2nc(-c3ccc(C)cc3)n3c2CCCCC3)C1", 0.6022)]
    [InlineData("N#CC1=C(SCC(=O)Nc2cccc(Cl)c2)N=C([O-])[C@H](C#N)C12CCCCC2", 0.8116)]
    public void Known_molecules_score_the_published_nats(string molecule, double nats)
    {
        using LanguageModel model = Open();
        using var scorer = new Scorer(model.Transformer);
        TokenScore[] scores = scorer.Score([model.Tokenizer.Encode(molecule)])[0];
        Assert.Equal(nats, -scores.Average(score => (double)score.LogProbability), 5e-5);
    }

    /// <summary>A model that is read wrongly writes almost no molecule whose brackets, atoms and rings close.</summary>
    [SkippableFact]
    public async Task Most_sampled_molecules_are_balanced()
    {
        using LanguageModel model = Open();
        using var generator = new TextGenerator(model);
        GenerationOptions options = model.GenerationDefaults with
        {
            DoSample = true, TopK = 0, MaxLength = model.Config.ContextLength, NumReturnSequences = 100, Seed = 1,
        };
        IReadOnlyList<GeneratedSequence> molecules = await generator.GenerateAsync(string.Empty, options);
        Assert.True(molecules.Count(molecule => molecule.FinishReason == FinishReason.Eos && IsBalanced(molecule.Text!)) >= 80);
    }

    private static LanguageModel Open()
    {
        string? folder = SharedData.PathOrNull(Folder);
        Skip.If(folder is null, $"../shared/{Folder} is absent: it is other people's model and not part of the repository.");
        return LanguageModel.Open(folder, new LanguageModelOptions { Tokenizer = new TokenizerOptions { SplitPattern = Pattern } });
    }

    private static bool IsBalanced(string molecule)
    {
        int depth = 0;
        bool atom = false;
        var rings = new HashSet<char>();
        foreach (char letter in molecule)
        {
            switch (letter)
            {
                case '[' or ']' when atom == (letter == '['):
                    return false;
                case '[' or ']':
                    atom = !atom;
                    break;
                case '(':
                    depth++;
                    break;
                case ')' when --depth < 0:
                    return false;
                case >= '1' and <= '9' when !atom && !rings.Remove(letter):
                    rings.Add(letter);
                    break;
                default:
                    break;
            }
        }

        return molecule.Length > 0 && depth == 0 && !atom && rings.Count == 0;
    }
}
