// SPDX-License-Identifier: GPL-3.0-or-later
declare module "hls.js/light" {
  import Hls from "hls.js";
  export default Hls;
}
