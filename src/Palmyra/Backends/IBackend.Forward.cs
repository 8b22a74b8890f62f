namespace Palmyra.Backends;

// R rows of the batch, S selected rows, C model width, F hidden width, V vocabulary, H heads, D = C/H, T positions.
public partial interface IBackend
{
    /// <summary>Logits of a row that <see cref="Top"/> gives, at most.</summary>
    const int MostTop = 1024;

    /// <summary>y = tokens[id] (+ positions[position]) for each row of the batch.</summary>
    /// <param name="y">[R, C].</param>
    /// <param name="tokens">[V, C]; may be the matrix that also serves as head.</param>
    /// <param name="positions">[T, C], or null where positions enter by rotation.</param>
    /// <param name="batch">Ids and positions of the R rows.</param>
    void Embed(Tensor y, Matrix tokens, Matrix? positions, PreparedBatch batch);

    /// <summary>y = (x − mean)/√(variance + epsilon)·gain + bias for each row, with the biased variance.</summary>
    /// <param name="y">[R, C]; may be <paramref name="x"/>.</param>
    /// <param name="x">[R, C].</param>
    /// <param name="gain">[1, C].</param>
    /// <param name="bias">[1, C].</param>
    /// <param name="epsilon">Added to the variance; 1e-5 in this family.</param>
    /// <param name="stats">[R, 2] receives mean and 1/√(variance + epsilon) for backward, or null.</param>
    void LayerNorm(Tensor y, Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor? stats);

    /// <summary>y = activation(x·wᵀ + bias) + residual: the engine's heart.</summary>
    /// <param name="y">[R, out]; may be <paramref name="residual"/>, never <paramref name="x"/>.</param>
    /// <param name="x">[R, in].</param>
    /// <param name="w">[out, in].</param>
    /// <param name="bias">[1, out] or null.</param>
    /// <param name="activation">Applied before the residual is added.</param>
    /// <param name="residual">[R, out] or null.</param>
    void Linear(Tensor y, Tensor x, Matrix w, Tensor? bias, Activation activation, Tensor? residual);

    /// <summary>y = activation(x), element by element.</summary>
    /// <param name="y">[R, F]; may be <paramref name="x"/>.</param>
    /// <param name="x">[R, F].</param>
    /// <param name="activation">The function.</param>
    void Activate(Tensor y, Tensor x, Activation activation);

    /// <summary>Turns the first <paramref name="dims"/> numbers of every head of q and k, in interleaved pairs (GPT-J), in place.</summary>
    /// <remarks>
    /// With φ = position·10000^(−2i/dims): (x₂ᵢ, x₂ᵢ₊₁) → (x₂ᵢcosφ − x₂ᵢ₊₁sinφ, x₂ᵢ₊₁cosφ + x₂ᵢsinφ). RoFormer, arXiv:2104.09864.
    /// </remarks>
    /// <param name="qkv">[R, 3C].</param>
    /// <param name="batch">Positions of the R rows.</param>
    /// <param name="shape">Heads and their width.</param>
    /// <param name="dims">How many numbers of a head turn: even, at most D.</param>
    void Rotate(Tensor qkv, PreparedBatch batch, AttentionShape shape, int dims);

    /// <summary>Puts keys and values of the batch's rows into the cache, at tokens Past .. Past + Count − 1 of each sequence.</summary>
    void StoreKeysValues(KvCache cache, int layer, Tensor qkv, PreparedBatch batch);

    /// <summary>Causal attention: y = Σⱼ softmaxⱼ(scale·q·kⱼ)·vⱼ over the visible tokens j of the row's own sequence.</summary>
    /// <param name="y">[R, C].</param>
    /// <param name="qkv">[R, 3C]: queries, keys, values.</param>
    /// <param name="cache">Where keys and values are read, this step's included (call <see cref="StoreKeysValues"/> first);
    /// null reads them from <paramref name="qkv"/>, and then every sequence must have Past = 0.</param>
    /// <param name="layer">The layer within the cache.</param>
    /// <param name="batch">The sequences.</param>
    /// <param name="shape">Heads, scale and window.</param>
    /// <param name="logSum">[R, H] receives max + ln Σ exp(score − max) for backward, or null.</param>
    void Attend(Tensor y, Tensor qkv, KvCache? cache, int layer, PreparedBatch batch, AttentionShape shape, Tensor? logSum);

    /// <summary>y[i] = x[rows[i]].</summary>
    /// <param name="y">[S, C].</param>
    /// <param name="x">[R, C].</param>
    /// <param name="rows">S row numbers.</param>
    void GatherRows(Tensor y, Tensor x, ReadOnlySpan<int> rows);

    /// <summary>ln softmax(x·headᵀ + bias) at each row's target, without ever holding S x V numbers.</summary>
    /// <param name="logProb">[S, 1].</param>
    /// <param name="best">[S, 1] receives the index of the largest logit (the lowest on ties) as a float, or null.</param>
    /// <param name="x">[S, C].</param>
    /// <param name="head">[V, C].</param>
    /// <param name="bias">[1, V] or null.</param>
    /// <param name="targets">S token ids.</param>
    void Score(Tensor logProb, Tensor? best, Tensor x, Matrix head, Tensor? bias, ReadOnlySpan<int> targets);

    /// <summary>
    /// The K largest logits of each row, their ids and log-probabilities: what choosing a token needs to know of V numbers.
    /// </summary>
    /// <remarks>
    /// All three lie in one row, so that one <see cref="Read"/> brings them back and waits once. −0 counts and is given as +0; −∞ comes
    /// after every number, with the log-probability −∞. Of a row whose largest logit is not finite (one is NaN or +∞, or all are −∞)
    /// everything is NaN, ids too. A row's log-probabilities depend neither on K nor on other rows.
    /// </remarks>
    /// <param name="top">[S, 3K], K from 1 to V and at most <see cref="MostTop"/>: K logits z in falling order, equal ones in the order of ids;
    /// their K ids as floats; the K numbers z − ln Σ exp(z).</param>
    /// <param name="logits">[S, V], V at most 2²⁴, so that floats hold ids exactly.</param>
    void Top(Tensor top, Tensor logits);
}
