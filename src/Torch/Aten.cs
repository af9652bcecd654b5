namespace ClipTrain.Torch;

/// <summary>The operators that the C# methods call. Each is looked up at its first call.</summary>
internal static class Aten
{
    // Pointwise.
    public static readonly TorchOp add = new("aten::add", "Tensor");
    public static readonly TorchOp add_Scalar = new("aten::add", "Scalar");
    public static readonly TorchOp sub = new("aten::sub", "Tensor");
    public static readonly TorchOp sub_Scalar = new("aten::sub", "Scalar");
    public static readonly TorchOp rsub_Scalar = new("aten::rsub", "Scalar");
    public static readonly TorchOp mul = new("aten::mul", "Tensor");
    public static readonly TorchOp mul_Scalar = new("aten::mul", "Scalar");
    public static readonly TorchOp div = new("aten::div", "Tensor");
    public static readonly TorchOp div_Scalar = new("aten::div", "Scalar");
    public static readonly TorchOp neg = new("aten::neg");
    public static readonly TorchOp abs = new("aten::abs");
    public static readonly TorchOp exp = new("aten::exp");
    public static readonly TorchOp log = new("aten::log");
    public static readonly TorchOp sqrt = new("aten::sqrt");
    public static readonly TorchOp rsqrt = new("aten::rsqrt");
    public static readonly TorchOp reciprocal = new("aten::reciprocal");
    public static readonly TorchOp square = new("aten::square");
    public static readonly TorchOp sin = new("aten::sin");
    public static readonly TorchOp cos = new("aten::cos");
    public static readonly TorchOp tanh = new("aten::tanh");
    public static readonly TorchOp relu = new("aten::relu");
    public static readonly TorchOp sigmoid = new("aten::sigmoid");
    public static readonly TorchOp log_sigmoid = new("aten::log_sigmoid");
    public static readonly TorchOp softplus = new("aten::softplus");
    public static readonly TorchOp pow_Scalar = new("aten::pow", "Tensor_Scalar");
    public static readonly TorchOp clamp = new("aten::clamp");
    public static readonly TorchOp maximum = new("aten::maximum");
    public static readonly TorchOp minimum = new("aten::minimum");
    public static readonly TorchOp logaddexp = new("aten::logaddexp");
    public static readonly TorchOp where = new("aten::where", "self");
    public static readonly TorchOp isfinite = new("aten::isfinite");
    public static readonly TorchOp isnan = new("aten::isnan");
    public static readonly TorchOp logical_not = new("aten::logical_not");
    public static readonly TorchOp logical_and = new("aten::logical_and");
    public static readonly TorchOp logical_or = new("aten::logical_or");
    public static readonly TorchOp eq = new("aten::eq", "Tensor");
    public static readonly TorchOp eq_Scalar = new("aten::eq", "Scalar");
    public static readonly TorchOp ne = new("aten::ne", "Tensor");
    public static readonly TorchOp ne_Scalar = new("aten::ne", "Scalar");
    public static readonly TorchOp ge = new("aten::ge", "Tensor");
    public static readonly TorchOp ge_Scalar = new("aten::ge", "Scalar");
    public static readonly TorchOp gt = new("aten::gt", "Tensor");
    public static readonly TorchOp gt_Scalar = new("aten::gt", "Scalar");
    public static readonly TorchOp le = new("aten::le", "Tensor");
    public static readonly TorchOp le_Scalar = new("aten::le", "Scalar");
    public static readonly TorchOp lt = new("aten::lt", "Tensor");
    public static readonly TorchOp lt_Scalar = new("aten::lt", "Scalar");
    public static readonly TorchOp bitwise_and_Scalar = new("aten::bitwise_and", "Scalar");
    public static readonly TorchOp bitwise_xor = new("aten::bitwise_xor", "Tensor");
    public static readonly TorchOp bitwise_xor_Scalar = new("aten::bitwise_xor", "Scalar");
    public static readonly TorchOp bitwise_right_shift_Scalar = new("aten::bitwise_right_shift", "Tensor_Scalar");
    public static readonly TorchOp equal = new("aten::equal");
    public static readonly TorchOp allclose = new("aten::allclose");

    // Matrix products.
    public static readonly TorchOp matmul = new("aten::matmul");
    public static readonly TorchOp mm = new("aten::mm");
    public static readonly TorchOp mm_out = new("aten::mm", "out");
    public static readonly TorchOp bmm = new("aten::bmm");
    public static readonly TorchOp addmm = new("aten::addmm");
    public static readonly TorchOp baddbmm = new("aten::baddbmm");

    // Shapes and selections.
    public static readonly TorchOp t = new("aten::t");
    public static readonly TorchOp transpose = new("aten::transpose", "int");
    public static readonly TorchOp permute = new("aten::permute");
    public static readonly TorchOp reshape = new("aten::reshape");
    public static readonly TorchOp view = new("aten::view");
    public static readonly TorchOp view_dtype = new("aten::view", "dtype");
    public static readonly TorchOp flatten = new("aten::flatten", "using_ints");
    public static readonly TorchOp expand = new("aten::expand");
    public static readonly TorchOp narrow = new("aten::narrow");
    public static readonly TorchOp select = new("aten::select", "int");
    public static readonly TorchOp slice = new("aten::slice", "Tensor");
    public static readonly TorchOp unbind = new("aten::unbind", "int");
    public static readonly TorchOp split = new("aten::split", "Tensor");
    public static readonly TorchOp split_with_sizes = new("aten::split_with_sizes");
    public static readonly TorchOp chunk = new("aten::chunk");
    public static readonly TorchOp unsqueeze = new("aten::unsqueeze");
    public static readonly TorchOp squeeze = new("aten::squeeze");
    public static readonly TorchOp squeeze_dim = new("aten::squeeze", "dim");
    public static readonly TorchOp contiguous = new("aten::contiguous");
    public static readonly TorchOp clone = new("aten::clone");
    public static readonly TorchOp detach = new("aten::detach");
    public static readonly TorchOp to = new("aten::to", "dtype_layout");
    public static readonly TorchOp diagonal = new("aten::diagonal");
    public static readonly TorchOp triu = new("aten::triu");
    public static readonly TorchOp tril = new("aten::tril");
    public static readonly TorchOp flip = new("aten::flip");
    public static readonly TorchOp roll = new("aten::roll");
    public static readonly TorchOp repeat = new("aten::repeat");
    public static readonly TorchOp index_select = new("aten::index_select");
    public static readonly TorchOp gather = new("aten::gather");
    public static readonly TorchOp masked_fill = new("aten::masked_fill", "Scalar");
    public static readonly TorchOp cat = new("aten::cat");
    public static readonly TorchOp stack = new("aten::stack");

    // Reductions and what goes along one dimension.
    public static readonly TorchOp sum = new("aten::sum");
    public static readonly TorchOp sum_dim = new("aten::sum", "dim_IntList");
    public static readonly TorchOp mean = new("aten::mean");
    public static readonly TorchOp mean_dim = new("aten::mean", "dim");
    public static readonly TorchOp max = new("aten::max");
    public static readonly TorchOp max_dim = new("aten::max", "dim");
    public static readonly TorchOp min = new("aten::min");
    public static readonly TorchOp min_dim = new("aten::min", "dim");
    public static readonly TorchOp amax = new("aten::amax");
    public static readonly TorchOp argmax = new("aten::argmax");
    public static readonly TorchOp argmin = new("aten::argmin");
    public static readonly TorchOp argsort = new("aten::argsort");
    public static readonly TorchOp norm = new("aten::linalg_vector_norm");
    public static readonly TorchOp var_dim = new("aten::var", "dim");
    public static readonly TorchOp std_dim = new("aten::std", "dim");
    public static readonly TorchOp all = new("aten::all");
    public static readonly TorchOp any = new("aten::any");
    public static readonly TorchOp logsumexp = new("aten::logsumexp");
    public static readonly TorchOp softmax = new("aten::softmax", "int");
    public static readonly TorchOp log_softmax = new("aten::log_softmax", "int");
    public static readonly TorchOp topk = new("aten::topk");
    public static readonly TorchOp sort = new("aten::sort");
    public static readonly TorchOp cumsum = new("aten::cumsum");

    // In place.
    public static readonly TorchOp copy_ = new("aten::copy_");
    public static readonly TorchOp zero_ = new("aten::zero_");
    public static readonly TorchOp fill_ = new("aten::fill_", "Scalar");
    public static readonly TorchOp add_ = new("aten::add_", "Tensor");
    public static readonly TorchOp add_Scalar_ = new("aten::add_", "Scalar");
    public static readonly TorchOp sub_ = new("aten::sub_", "Tensor");
    public static readonly TorchOp sub_Scalar_ = new("aten::sub_", "Scalar");
    public static readonly TorchOp mul_ = new("aten::mul_", "Tensor");
    public static readonly TorchOp mul_Scalar_ = new("aten::mul_", "Scalar");
    public static readonly TorchOp div_ = new("aten::div_", "Tensor");
    public static readonly TorchOp div_Scalar_ = new("aten::div_", "Scalar");
    public static readonly TorchOp neg_ = new("aten::neg_");
    public static readonly TorchOp exp_ = new("aten::exp_");
    public static readonly TorchOp sqrt_ = new("aten::sqrt_");
    public static readonly TorchOp clamp_ = new("aten::clamp_");
    public static readonly TorchOp addmm_ = new("aten::addmm_");
    public static readonly TorchOp addcmul_ = new("aten::addcmul_");
    public static readonly TorchOp addcdiv_ = new("aten::addcdiv_");
    public static readonly TorchOp lerp_ = new("aten::lerp_", "Scalar");
    public static readonly TorchOp masked_fill_ = new("aten::masked_fill_", "Scalar");
    public static readonly TorchOp index_add_ = new("aten::index_add_");
    public static readonly TorchOp normal_ = new("aten::normal_");
    public static readonly TorchOp uniform_ = new("aten::uniform_");
    public static readonly TorchOp set_data = new("aten::set_data");

    // Making tensors.
    public static readonly TorchOp empty = new("aten::empty", "memory_format");
    public static readonly TorchOp zeros = new("aten::zeros");
    public static readonly TorchOp ones = new("aten::ones");
    public static readonly TorchOp full = new("aten::full");
    public static readonly TorchOp eye = new("aten::eye");
    public static readonly TorchOp rand = new("aten::rand", "generator");
    public static readonly TorchOp randn = new("aten::randn", "generator");
    public static readonly TorchOp randint = new("aten::randint", "low_generator");
    public static readonly TorchOp randperm = new("aten::randperm", "generator");
    public static readonly TorchOp arange = new("aten::arange", "start_step");
    public static readonly TorchOp empty_like = new("aten::empty_like");
    public static readonly TorchOp zeros_like = new("aten::zeros_like");
    public static readonly TorchOp ones_like = new("aten::ones_like");

    // Networks.
    public static readonly TorchOp linear = new("aten::linear");
    public static readonly TorchOp layer_norm = new("aten::layer_norm");
    public static readonly TorchOp gelu = new("aten::gelu");
    public static readonly TorchOp embedding = new("aten::embedding");
    public static readonly TorchOp conv2d = new("aten::conv2d");
    public static readonly TorchOp batch_norm = new("aten::batch_norm");
    public static readonly TorchOp batch_norm_update_stats = new("aten::batch_norm_update_stats");
    public static readonly TorchOp native_batch_norm_backward = new("aten::native_batch_norm_backward");
    public static readonly TorchOp avg_pool2d = new("aten::avg_pool2d");
    public static readonly TorchOp im2col = new("aten::im2col");
    public static readonly TorchOp upsample_bicubic2d_aa = new("aten::_upsample_bicubic2d_aa");
    public static readonly TorchOp cross_entropy_loss = new("aten::cross_entropy_loss");
    public static readonly TorchOp dropout = new("aten::dropout");
    public static readonly TorchOp scaled_dot_product_attention = new("aten::scaled_dot_product_attention");
}
