namespace ClipTrain.Torch;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        public Tensor matmul(Tensor other) => Aten.matmul.Call(this, other);

        public Tensor mm(Tensor other) => Aten.mm.Call(this, other);

        public Tensor bmm(Tensor other) => Aten.bmm.Call(this, other);

        /// <summary>beta · self + alpha · mat1 · mat2, in place.</summary>
        public Tensor addmm_(Tensor mat1, Tensor mat2, double beta = 1, double alpha = 1) => InPlace(Aten.addmm_, this, mat1, mat2, beta, alpha);
    }
}
