namespace Palmyra.Evaluation.Tasks;

/// <summary>How a task's scores become metrics.</summary>
public enum TaskKind
{
    /// <summary>Several requests an item, one of them right: acc, acc_norm, acc_bytes.</summary>
    MultipleChoice,

    /// <summary>One request an item, to be continued word for word: acc (every token greedy) and perplexity a word, exp(−mean ln p).</summary>
    Cloze,

    /// <summary>Whole texts: perplexity a word, a byte and a token, bits a byte.</summary>
    Perplexity,
}
