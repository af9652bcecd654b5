namespace ClipTrain.Torch;

/// <summary>How a reduction combines the ranks' values, with c10d's numbers.</summary>
public enum ReduceOp
{
    SUM = 0,
    AVG = 1,
    PRODUCT = 2,
    MIN = 3,
    MAX = 4,
}
