namespace ClipTrain.Torch;

public static partial class torch
{
    /// <summary>Building blocks of networks.</summary>
    public static partial class nn
    {
        /// <summary>A leaf tensor that is trained. It belongs to no dispose scope: its module, or its maker, disposes of it.</summary>
        public sealed class Parameter : Tensor
        {
            /// <summary>A parameter over the memory of <paramref name="data"/>, which may be disposed of afterwards.</summary>
            public Parameter(Tensor data, bool requires_grad = true)
                : base(DetachedHandle(data), scope: null)
            {
                if (requires_grad)
                {
                    this.requires_grad = true;
                }
            }

            private static nint DetachedHandle(Tensor data) => data.detach().DetachFromDisposeScope().TakeHandle();
        }
    }
}
